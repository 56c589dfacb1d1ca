"""What a target lets be tuned beside its workers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from harness.model.ladder import Rung

KnobKind = Literal["pool", "limit", "timeout"]
"""Of connections that are kept, of what may be in flight at once, of how long something may take."""


@dataclass(frozen=True, slots=True)
class Knob:
    """`setting` is the full path of its key; `values`, from the smallest up, hold `before`: what it is now."""

    setting: str
    kind: KnobKind
    values: tuple[int, ...]
    before: int


@dataclass(frozen=True, slots=True)
class TimeoutKey:
    """Which variable the app reads one of its timeouts from, in seconds; `before` None: it is not in the file."""

    rung: Rung
    setting: str
    before: float | None = None


@dataclass(frozen=True, slots=True)
class TuneSpec:
    knobs: tuple[Knob, ...] = ()
    timeouts: tuple[TimeoutKey, ...] = ()
