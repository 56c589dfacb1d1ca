"""Reads what a reporting SDK posted: envelopes as Sentry's developer documentation ("Envelopes") has them.

The first line is the envelope's header. Each item is a line of header and a payload, whose length the header may give;
without one it ends with the line.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from harness.audit.collector import Posted

_FAULTY = ("error", "fatal")


@dataclass(frozen=True, slots=True)
class Event:
    """What is said of one defect. `exceptions` are the types, the outermost last."""

    exceptions: tuple[str, ...]
    level: str
    environment: str
    release: str

    @property
    def is_error(self) -> bool:
        return bool(self.exceptions) or self.level in _FAULTY


def read_events(posted: Sequence[Posted]) -> list[Event]:
    """Every error event of all envelopes, in order; what cannot be read is passed over."""
    found = [_event(item) for each in posted for kind, item in items(each) if kind in ("event", "")]
    return [event for event in found if event.is_error]


def items(posted: Posted) -> Iterator[tuple[str, dict[str, Any]]]:
    """Type and payload of each JSON item; the old form, a bare event, has no type."""
    if "/store" in posted.path:
        if (event := _object(posted.body)) is not None:
            yield "", event
        return
    rest = posted.body.encode().partition(b"\n")[2]
    while rest:
        line, _, rest = rest.partition(b"\n")
        header = _object(line.decode("utf-8", "replace"))
        if header is None:
            continue
        length = header.get("length")
        if isinstance(length, int) and not isinstance(length, bool) and length >= 0:
            payload, rest = rest[:length], rest[length:].removeprefix(b"\n")
        else:
            payload, _, rest = rest.partition(b"\n")
        if (item := _object(payload.decode("utf-8", "replace"))) is not None:
            yield str(header.get("type", "")), item


def _event(item: dict[str, Any]) -> Event:
    exception = item.get("exception")
    values = exception.get("values") if isinstance(exception, dict) else exception
    types = [str(each.get("type", "")) for each in values or () if isinstance(each, dict)]
    tags = item.get("tags")
    named = tags if isinstance(tags, dict) else {}
    return Event(
        exceptions=tuple(each for each in types if each),
        level=str(item.get("level", "")),
        environment=str(item.get("environment") or named.get("environment") or ""),
        release=str(item.get("release") or named.get("release") or ""),
    )


def _object(text: str) -> dict[str, Any] | None:
    try:
        found = json.loads(text)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None
