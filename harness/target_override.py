"""`--set KEY=VALUE`: one key of the target file, by its full path, for this run only.

An override is written into the document before it is read, so that it is checked as the file is.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from typing import Any

from harness.errors import UsageError
from harness.model.target import Scalar
from harness.servers import SERVERS
from harness.target_table import Problems

_INDEX = re.compile(r"\[(\d{1,6})\]")


def read_override(text: str) -> tuple[str, Scalar]:
    """`KEY=VALUE` as typed. A value that is no TOML number, truth or quoted text is text itself."""
    key, equals, value = text.partition("=")
    key = key.strip()
    if not equals or not key:
        raise UsageError("--set takes KEY=VALUE, as in --set workers=4 or --set slo.p99_ms=300.")
    if full_key(key).startswith("target.env."):
        return key, value
    return key, _scalar(value)


def _scalar(text: str) -> Scalar:
    try:
        value = tomllib.loads(f"value = {text}")
    except (ValueError, RecursionError):
        return text
    found = value["value"]
    return found if isinstance(found, str | int | float | bool) and len(value) == 1 else text


def full_key(key: str) -> str:
    """`workers` and `gunicorn.timeout` are short for `target.…`."""
    head = key.split(".", 1)[0]
    if key == "workers" or ("." in key and head in [server.table for server in SERVERS]):
        return f"target.{key}"
    return key


def short_key(key: str) -> str:
    """The form in which a trial's configuration names it."""
    short = key.removeprefix("target.")
    return short if full_key(short) == key else key


def apply_overrides(document: dict[str, Any], overrides: Mapping[str, Scalar], problems: Problems) -> dict[str, str]:
    """Write them in; the keys as the readers name them, each with what the user typed."""
    typed = {}
    for key, value in overrides.items():
        words = _INDEX.sub(r".\1", full_key(key)).split(".")
        path = _path_of(words)
        typed[path] = key
        if not _write(document, words, value):
            problems.add(path, "names no place in this target file; accepted: the full path of a key, as in slo.p99_ms")
    return typed


def _path_of(words: list[str]) -> str:
    return ".".join(words[:1]) + "".join(f"[{word}]" if word.isdigit() else f".{word}" for word in words[1:])


def _write(document: dict[str, Any], words: list[str], value: Scalar) -> bool:
    here: Any = document
    for word in words[:-1]:
        if isinstance(here, list) and word.isdigit() and int(word) < len(here):
            here = here[int(word)]
        elif isinstance(here, dict):
            here = here.setdefault(word, {})
        else:
            return False
    if not isinstance(here, dict) or not words[-1]:
        return False
    here[words[-1]] = value
    return True
