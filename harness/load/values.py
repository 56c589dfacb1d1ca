"""Values from a CSV file, a row for each arrival: `{values.NAME}` in a request line is the column NAME of its row.

The first line of the file names the columns. Arrival number k takes row k, and the first row follows the last, so that
any driver gives any arrival the same values. They are encoded for the place in which they stand: percent-encoded in a
path and in a form, escaped in JSON, as they are in a header or another body.
"""

from __future__ import annotations

import csv
import dataclasses
import json
import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from urllib.parse import quote, quote_plus

from harness.load.profile import Profile
from harness.load.request import WireRequest
from harness.model.request import RequestLine

MAX_ROWS = 1_000_000
_PLACE = re.compile(r"\{values\.([A-Za-z_][A-Za-z0-9_]*)\}")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


class Values:
    """A file, read whole. ValueError names the line that is wrong, and never shows what stands in it."""

    def __init__(self, path: Path | str) -> None:
        with Path(path).open(newline="", encoding="utf-8-sig") as file:
            reader = csv.reader(file, strict=True)
            try:
                self.names = tuple(next(reader, ()))
                self._rows = self._read(reader, lambda: reader.line_num)
            except UnicodeDecodeError as error:
                raise ValueError("it is not UTF-8") from error
            except csv.Error as error:
                raise ValueError(f"line {reader.line_num}: {error}") from error
        if not self._rows:
            raise ValueError("it has no rows; accepted: a line of names, then at least one row of values")

    def _read(self, reader: Iterable[list[str]], line: Callable[[], int]) -> list[tuple[str, ...]]:
        if len(set(self.names)) != len(self.names) or not all(_NAME.fullmatch(name) for name in self.names):
            raise ValueError("its first line names the columns: letters, digits and underscores, each name once")
        rows: list[tuple[str, ...]] = []
        for row in reader:
            if len(row) != len(self.names):
                raise ValueError(f"line {line()}: {len(row)} values for {len(self.names)} columns")
            if len(rows) == MAX_ROWS:
                raise ValueError(f"it has more than the {MAX_ROWS:,} rows that are accepted")
            rows.append(tuple(row))
        return rows

    def row(self, k: int) -> Mapping[str, str]:
        return dict(zip(self.names, self._rows[k % len(self._rows)], strict=True))

    def fits_header(self, name: str) -> bool:
        column = self.names.index(name)
        return all(row[column].isascii() and row[column].isprintable() for row in self._rows)


def places(*texts: str) -> tuple[str, ...]:
    """The columns that texts name."""
    return tuple(name for text in texts for name in _PLACE.findall(text))


def uses_values(line: RequestLine) -> bool:
    return bool(places(line.path, line.body, line.expect_json, *(value for _, value in line.headers)))


def filled(line: RequestLine, row: Mapping[str, str]) -> RequestLine:
    """The line as it is sent for one row; its name stays."""
    kind = next((value.lower() for name, value in line.headers if name.lower() == "content-type"), "")
    in_body = _in_json if "json" in kind else quote_plus if "x-www-form-urlencoded" in kind else str
    return dataclasses.replace(
        line,
        path=_fill(line.path, row, lambda value: quote(value, safe="")),
        headers=tuple((name, _fill(value, row, str)) for name, value in line.headers),
        body=_fill(line.body, row, in_body),
        expect_json=_fill(line.expect_json, row, _in_json),
    )


def _fill(text: str, row: Mapping[str, str], encode: Callable[[str], str]) -> str:
    return _PLACE.sub(lambda found: encode(row[found.group(1)]), text)


def _in_json(value: str) -> str:
    return json.dumps(value)[1:-1]


class Requests:
    """What each arrival of a load sends: made ready once, but for lines that have values of their own each time."""

    def __init__(self, profile: Profile) -> None:
        self._profile = profile
        self._ready = [WireRequest.of(line, profile) for line in profile.requests]
        self._values = Values(profile.values) if profile.values else None
        self._varied = [self._values is not None and uses_values(line) for line in profile.requests]

    def of(self, k: int, endpoint: int) -> WireRequest:
        if self._values is None or not self._varied[endpoint]:
            return self._ready[endpoint]
        return WireRequest.of(filled(self._profile.requests[endpoint], self._values.row(k)), self._profile)
