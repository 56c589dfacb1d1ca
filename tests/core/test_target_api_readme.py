"""The README of the reference API points at code that is there, at the line where it is.

UPDATE_LINES=1 with this file alone writes the lines anew.
"""

import os
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
README = ROOT / "target_api" / "README.md"
LINK = re.compile(r"\[`(\w+)`\]\(([\w./-]+)#L(\d+)\)")
ROWS = (
    *("server", "logging", "cors", "health", "configuration", "database", "migrations", "authentication", "limits"),
    *("monitoring", "testing"),
)


def line_of(symbol: str, path: Path) -> int:
    """Where a name is defined, assigned or, in nginx's configuration, set."""
    setting = r"\s" if path.suffix == ".conf" else r"\s*[:=(]"
    defined = re.compile(rf"\s*(?:(?:async )?def |class )?{symbol}{setting}")
    for number, line in enumerate(path.read_text("utf-8").splitlines(), 1):
        if defined.match(line):
            return number
    raise AssertionError(f"{path.name} defines no {symbol}")


def test_links_name_the_line_where_the_code_is() -> None:
    def right(link: re.Match[str]) -> str:
        symbol, file, _ = link.groups()
        return f"[`{symbol}`]({file}#L{line_of(symbol, README.parent / file)})"

    text = README.read_text("utf-8")
    updated = LINK.sub(right, text)
    if os.environ.get("UPDATE_LINES") == "1":
        README.write_text(updated, "utf-8")
    wrong = [
        f"{was.group()} -> {now.group()}"
        for was, now in zip(LINK.finditer(text), LINK.finditer(updated), strict=True)
        if was.group() != now.group()
    ]
    assert not wrong, (
        "UPDATE_LINES=1 python -m pytest tests/core/test_target_api_readme.py writes these:\n" + "\n".join(wrong)
    )


@pytest.mark.parametrize("row", ROWS)
def test_each_row_of_the_checklist_points_at_code(row: str) -> None:
    _, _, rows = README.read_text("utf-8").partition("## The eleven rows")
    (line,) = [line for line in rows.splitlines() if line.startswith(f"| {row} |")]
    assert LINK.search(line)


def test_there_are_no_other_rows() -> None:
    _, _, rows = README.read_text("utf-8").partition("## The eleven rows")
    names = re.findall(r"^\| (\w+) \|", rows, re.MULTILINE)
    assert tuple(names) == ("row", *ROWS)
