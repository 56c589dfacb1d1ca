"""Values as plain JSON, and text that may be shown anywhere.

Evidence and log lines come from the app under test: they may hold numpy numbers, NaN, control characters, or colour
codes that would repaint a terminal and break an XML file.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping

DIGITS = 6

_ESCAPE_CODES = re.compile(r"\x1b(?:\[[0-9;?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\))")
_FORBIDDEN = re.compile("[^\t\n\r\u0020-\u007e\u00a0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def plain(value: object) -> object:
    """The value in JSON's own types: floats rounded, what is not finite as null, anything else as its text."""
    if hasattr(value, "item") and not hasattr(value, "__len__"):
        value = value.item()  # a number of numpy
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return round(value, DIGITS) if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): plain(each) for key, each in value.items()}
    if isinstance(value, set | frozenset):
        return sorted((plain(each) for each in value), key=str)
    if isinstance(value, Iterable) and not isinstance(value, bytes | bytearray):
        return [plain(each) for each in value]
    return str(value)


def printable(text: str) -> str:
    """Without colour codes; control characters, lone surrogates and the like become a question mark."""
    return _FORBIDDEN.sub("\ufffd", _ESCAPE_CODES.sub("", text))


def one_line(text: str) -> str:
    return " ".join(printable(text).split())
