"""What gives an exception away: in a log, where it must be told, and in an answer, where it must not."""

from __future__ import annotations

import json
import re

_TRACEBACK = "Traceback (most recent call last)"
_SEVERE = ("error", "critical", "fatal")
_KEYS = re.compile(r"exc|error|stack|trace", re.IGNORECASE)
_TEXT_ERROR = re.compile(r"\b(ERROR|CRITICAL|FATAL)\b.*\b[A-Za-z_.]*(Error|Exception)\b")
_INNER = {
    "traceback": re.compile(r"Traceback \(most recent|File \\?\"[^\"]+\\?\", line \d+"),
    "SQL": re.compile(
        r"\b(SELECT\b.+\bFROM|INSERT INTO|UPDATE\b.+\bSET|DELETE FROM)\b|relation \S+ does not exist", re.S
    ),
    "file path": re.compile(r"(/[\w.-]+){2,}\.py\b|site-packages"),
}


def logged_as(text: str) -> str:
    """ "traceback", "error" for a line at error level that names an exception, or nothing."""
    if _TRACEBACK in text:
        return "traceback"
    return "error" if any(_is_error(line) for line in text.splitlines()) else ""


def _is_error(line: str) -> bool:
    try:
        found = json.loads(line)
    except ValueError:
        return _TEXT_ERROR.search(line) is not None
    if not isinstance(found, dict):
        return False
    level = str(found.get("level") or found.get("levelname") or found.get("severity") or "").lower()
    return level in _SEVERE and any(_KEYS.search(key) and found[key] for key in found)


def told_in(body: str) -> tuple[str, ...]:
    """The inner things that an answer tells."""
    return tuple(name for name, pattern in _INNER.items() if pattern.search(body))
