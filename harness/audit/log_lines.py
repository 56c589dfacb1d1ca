"""Reading log lines of any app: JSON objects or logfmt, and which of their keys say time, level and message.

Libraries differ in the names (python-json-logger: asctime, levelname; structlog: timestamp, event; Google: severity;
loguru: text, and a record with the rest), so that several are known, also one object further in.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence

from harness.audit.facts.logging import Levels, Shape

_NAMES: tuple[frozenset[str], ...] = (
    frozenset({"time", "timestamp", "@timestamp", "ts", "t", "asctime", "datetime", "date", "created"}),
    frozenset({"level", "levelname", "severity", "lvl", "loglevel", "log.level", "log_level"}),
    frozenset({"message", "msg", "event", "text", "body"}),
)
_LOGFMT = re.compile(r"""(?:[\w.@-]+=(?:"(?:[^"\\]|\\.)*"|[^\s"=]*)(?:\s+|$)){2,}""")
_PAIR = re.compile(r"""([\w.@-]+)=("(?:[^"\\]|\\.)*"|[^\s"=]*)""")
_WORD = re.compile(
    r"(?:^|[\s\[(|<])(TRACE|DEBUG|INFO|NOTICE|WARNING|WARN|ERROR|CRITICAL|FATAL)(?=[\s\])|:>,-]|$)", re.I
)
_BELOW = ("debug", "trace", "notset")
_HEAD = 80  # a level stands at the beginning of a plain line; further on the word is part of what is said


def parse(line: str) -> Mapping[str, object] | None:
    """The keys of a structured line; None for a plain one."""
    if line.startswith("{"):
        try:
            found = json.loads(line)
        except ValueError:
            return None
        return found if isinstance(found, dict) else None
    return dict(_PAIR.findall(line)) if _LOGFMT.fullmatch(line) else None


def core_keys(keys: Mapping[str, object]) -> tuple[str, ...] | None:
    """Its keys for time, level and message; None when one is missing."""
    flat = [*keys, *(f"{key}.{inner}" for key, value in keys.items() if isinstance(value, dict) for inner in value)]
    found = []
    for names in _NAMES:
        key = next((each for each in flat if {each.lower(), each.lower().rsplit(".", 1)[-1]} & names), None)
        if key is None:
            return None
        found.append(key)
    return tuple(found)


def shape_of(lines: Sequence[str]) -> Shape:
    parsed = [parse(line) for line in lines]
    cores = [core_keys(keys) if keys is not None else None for keys in parsed]
    counts = Counter(core for core in cores if core is not None)
    common = counts.most_common(1)[0][0] if counts else ()
    texts = [line for line, keys in zip(lines, parsed, strict=True) if keys is None]
    unlike = [
        line
        for line, keys, core in zip(lines, parsed, cores, strict=True)
        if keys is not None and core != (common or 0)
    ]
    return Shape(
        lines=len(lines),
        structured=len(lines) - len(texts),
        alike=counts[common] if common else 0,
        keys=common,
        first_text=texts[0] if texts else "",
        first_unlike=unlike[0] if unlike else "",
    )


def level_of(line: str) -> str:
    """In small letters; empty where the line does not say it."""
    keys = parse(line)
    if keys is None:
        found = _WORD.search(line[:_HEAD])
        return found.group(1).lower() if found else ""
    core = core_keys(keys)
    key = core[1] if core else next((each for each in keys if each.lower() in _NAMES[1]), "")
    value: object = keys.get(key)
    if key not in keys and "." in key:
        outer, inner = key.split(".", 1)
        nested = keys.get(outer)
        value = nested.get(inner) if isinstance(nested, dict) else None
    if isinstance(value, dict):  # loguru: {"name": "INFO", "no": 20}
        value = value.get("name")
    if isinstance(value, int) and not isinstance(value, bool):
        return "debug" if value < 20 else "info"
    return value.strip('"').lower() if isinstance(value, str) else ""


def levels_of(lines: Sequence[str]) -> Levels:
    levels = [level_of(line) for line in lines]
    debug = [line for line, level in zip(lines, levels, strict=True) if level in _BELOW]
    return Levels(sum(bool(level) for level in levels), len(debug), debug[0] if debug else "")
