"""Where a metric has changed for good, over the nights: a safety net, and never the gate.

Runs of different nights were not run side by side, so a change that is seen here may be the machine's. It sets no exit
code; it says from when on to look. Changes are found by PELT (Killick et al., "Optimal detection of changepoints with a
linear computational cost", JASA 107 (2012)) as the library `ruptures` has it, an optional extra, on logarithms in units
of their own noise. The noise is that from night to night, robustly, so that a step does not hide itself.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from itertools import pairwise
from statistics import median

from harness.tuning.paired import MINIMAL_EFFECT

LEAST_POINTS = 15
LEAST_NIGHTS = 3
_PENALTY = 4.0
_LEAST_NOISE = 0.005  # of the value: what repeats to the digit is no reason to call a hair's breadth a change
MISSING = "drift is not looked for, as ruptures is not installed; it comes with fastapi-shakedown[drift]"

Segment = Callable[[Sequence[float], float], Sequence[int]]
"""Of values in units of their noise and a penalty: where the segments after the first begin."""


@dataclass(frozen=True, slots=True)
class Change:
    """From the point `at` on, counted from 0, the median was `after`; in the stretch before, `before`."""

    at: int
    before: float
    after: float

    @property
    def ratio(self) -> float:
        return self.after / self.before


@dataclass(frozen=True, slots=True)
class Drift:
    """`why_not` says why it was not looked for; else what was found, which may be nothing."""

    changes: tuple[Change, ...] = ()
    why_not: str = ""


def find_drift(values: Sequence[float], segment: Segment | None) -> Drift:
    """Of one value a night, in the order of time. `segment` is `load_segment()`; None where the library lacks."""
    if segment is None:
        return Drift(why_not=MISSING)
    if len(values) < LEAST_POINTS:
        return Drift(why_not=f"drift is looked for from {LEAST_POINTS} points on, and there are {len(values)}")
    if min(values) <= 0:
        return Drift(why_not="drift is not looked for where a value is 0")
    logs = [math.log(value) for value in values]
    noise = max(_noise(logs), _LEAST_NOISE)
    edges = [0, *segment([each / noise for each in logs], _PENALTY * math.log(len(logs))), len(logs)]
    levels = [median(values[begin:end]) for begin, end in pairwise(edges)]
    found = (Change(at, was, now) for at, was, now in zip(edges[1:], levels, levels[1:], strict=False))
    return Drift(tuple(each for each in found if abs(math.log(each.ratio)) > math.log1p(MINIMAL_EFFECT)))


def _noise(logs: Sequence[float]) -> float:
    """From one night to the next: the median step, as a standard deviation of a single value."""
    steps = [after - before for before, after in pairwise(logs)]
    middle = median(steps)
    return 1.4826 * median(abs(step - middle) for step in steps) / math.sqrt(2)


def load_segment() -> Segment | None:
    """The library's own search; None where it is not installed."""
    try:
        ruptures = import_module("ruptures")
    except ImportError:
        return None
    from numpy import asarray

    def segment(values: Sequence[float], penalty: float) -> Sequence[int]:
        search = ruptures.Pelt(model="l2", min_size=LEAST_NIGHTS, jump=1).fit(asarray(values))
        return [int(end) for end in search.predict(pen=penalty)[:-1]]

    return segment
