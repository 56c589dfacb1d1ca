"""The key `load.values`: a CSV file whose columns the request lines use as `{values.NAME}`."""

from __future__ import annotations

from pathlib import Path

from harness.load.values import Values, filled, places, uses_values
from harness.model.request import RequestLine
from harness.target_table import Table, show, suggest


def read_values(table: Table, root: Path, lines: tuple[RequestLine, ...]) -> tuple[str, tuple[RequestLine, ...]]:
    """The file, and the lines with the values of its first row: what is no load asks with these."""
    name = table.text("values", "")
    if not name:
        for index, line in enumerate(lines):
            if uses_values(line):
                says = "uses {values.…}; accepted: with values, a CSV file whose first line names the columns"
                table.wrong(f"requests[{index}]", says)
        return "", lines
    if table.has("locustfile"):
        table.wrong("values", "is for requests, and a locustfile makes its own; accepted: one of the two")
        return "", lines
    try:
        values = Values(root / name)
    except OSError as error:
        table.wrong("values", f"cannot be read: {root / name}: {error.strerror}; accepted: a CSV file")
        return "", lines
    except ValueError as error:
        table.wrong("values", f"is refused: {root / name}: {error}")
        return "", lines
    before = len(table.problems.found)
    for index, line in enumerate(lines):
        _check(table, f"requests[{index}]", line, values)
    if len(table.problems.found) > before:
        return "", lines
    return str((root / name).resolve()), tuple(filled(line, values.row(0)) for line in lines)


def _check(table: Table, key: str, line: RequestLine, values: Values) -> None:
    in_headers = places(*(value for _, value in line.headers))
    for column in dict.fromkeys((*places(line.path, line.body, line.expect_json), *in_headers)):
        if column not in values.names:
            says = f"uses {{values.{column}}}, and {show(column)} is no column of the file; "
            table.wrong(key, says + suggest(column, values.names))
        elif column in in_headers and not values.fits_header(column):
            table.wrong(
                f"{key}.headers", f"uses {{values.{column}}}, which holds more than printable ASCII in the file"
            )
