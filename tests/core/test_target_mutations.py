# mypy: disallow-untyped-defs=False, disallow-incomplete-defs=False, disallow-untyped-calls=False
"""Whatever stands in a target file, reading it gives a target or a UsageError: never another exception."""

import contextlib
import tempfile
from pathlib import Path
from typing import Any
from unittest.mock import patch

from hypothesis import given, settings
from hypothesis import strategies as st

from harness.errors import UsageError
from harness.target import REFERENCE, load_target

TEXT = REFERENCE.read_text()
LINES = TEXT.splitlines()
HUGE = "0x" + "f" * 5000
VALUES = st.sampled_from(
    (
        "1",
        "-1",
        "0",
        "true",
        '""',
        '"x"',
        "[]",
        "{}",
        "nan",
        "-inf",
        "1e400",
        HUGE,
        "1979-05-27",
        "[[1]]",
        "{ a = [1, { b = 1 }] }",
        '"\\u0000"',
        '"{postgres.x}"',
        '"{"',
        '"\\ud7ff/é"',
        "9" * 400,
        "[1, 'a']",
    )
)


def survives(text: str, overrides: dict[str, Any]) -> None:
    with tempfile.TemporaryDirectory() as folder, patch("harness.target.try_python", return_value=None):
        path = Path(folder) / "shakedown.toml"
        path.write_text(text, encoding="utf-8")
        with contextlib.suppress(UsageError):
            load_target(path, overrides)


@settings(max_examples=300, deadline=None)
@given(st.sampled_from([i for i, line in enumerate(LINES) if "=" in line]), VALUES)
def test_another_value_for_a_key(number, value):
    key = LINES[number].split("=", 1)[0]
    survives("\n".join([*LINES[:number], f"{key} = {value}", *LINES[number + 1 :]]), {})


@settings(max_examples=200, deadline=None)
@given(st.integers(0, len(TEXT)), st.integers(0, 40), st.text(st.characters(codec="utf-8"), max_size=8))
def test_a_stretch_of_text_replaced(at, length, text):
    survives(TEXT[:at] + text + TEXT[at + length :], {})


@settings(max_examples=200, deadline=None)
@given(st.permutations(LINES))
def test_lines_in_another_order(lines):
    survives("\n".join(lines), {})


KEYS = st.sampled_from(
    (
        "workers",
        "gunicorn.x",
        "target",
        "load.requests",
        "load.requests.0",
        "load.requests[1].needs",
        "limits",
        "a.b.c",
        "parts.postgres.settings",
        "parts.x.kind",
        "target.env.A",
        "probes",
        "slo.deadline_s",
        "",
        ".",
        "..",
        "ledger",
    )
)
SCALARS = st.one_of(st.booleans(), st.integers(), st.floats(), st.text(max_size=8))


@settings(max_examples=300, deadline=None)
@given(st.dictionaries(st.one_of(KEYS, st.text(max_size=12)), SCALARS, max_size=4))
def test_overrides_of_any_kind(overrides):
    survives(TEXT, overrides)
