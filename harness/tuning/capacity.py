"""The highest arrival rate at which the service keeps its SLO: what to try next, from what was tried.

    double or halve ──▶ bracket ──▶ halve it by its geometric middle ──▶ both edges, two of three ──▶ interval

Capacity is a predicate, not the knee of a curve: knee detectors find one where there is none. A short trial may steer
while the bracket is wide; near the edge trials are long, and an edge is believed when two long trials agree. One that
is refuted moves the bracket, so noise costs trials and not truth.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Held = Literal["held", "broke", "invalid"]

_AGREE = 2


@dataclass(frozen=True, slots=True)
class Tried:
    """One trial. "invalid": the machine or the generator cannot vouch for it; `why` says so."""

    rate_rps: float
    long: bool
    result: Held
    why: str = ""


@dataclass(frozen=True, slots=True)
class Range:
    """Where to look. `max_rps` is what the generator can prove; `precision` the width of the answer, 0.05 for 5 %."""

    start_rps: float
    max_rps: float
    min_rps: float = 1.0
    precision: float = 0.05
    near: float = 1.6
    max_trials: int = 30
    max_invalid: int = 3

    def __post_init__(self) -> None:
        if not 0 < self.min_rps <= self.start_rps <= self.max_rps:
            raise ValueError("rates must be in order: 0 < min_rps <= start_rps <= max_rps")
        if not 0 < self.precision < self.near - 1:
            raise ValueError("precision is above 0, and finer than where trials get long")


@dataclass(frozen=True, slots=True)
class Try:
    rate_rps: float
    long: bool


@dataclass(frozen=True, slots=True)
class Capacity:
    """`low_rps` held and `high_rps` broke, each in two long trials of three."""

    low_rps: float
    high_rps: float
    trials: int


@dataclass(frozen=True, slots=True)
class Unknown:
    """No interval can be told. What held last, if anything did, is a lower bound only."""

    why: str
    held_rps: float | None
    trials: int


Step = Try | Capacity | Unknown


@dataclass(frozen=True, slots=True)
class _Standing:
    """What the trials at one rate say together."""

    rate_rps: float
    held: bool
    settled: bool


def next_step(tried: Sequence[Tried], where: Range) -> Step:
    """Pure: the same trials always lead to the same step, so that a search can go on after any interruption."""
    standings = _standings(tried)
    low, high = _bracket(standings)
    held = low.rate_rps if low else None
    if (why := _given_up(tried, where)) is not None:
        return Unknown(why, held, len(tried))
    if high is None:
        return _upwards(low, where, len(tried))
    if low is None:
        return _downwards(high, where, len(tried))
    width = high.rate_rps / low.rate_rps
    if width > 1 + where.precision:
        return Try(_rounded(math.sqrt(low.rate_rps * high.rate_rps), low.rate_rps, high.rate_rps), width <= where.near)
    for edge in (low, high):
        if not edge.settled:
            return Try(edge.rate_rps, long=True)
    return Capacity(low.rate_rps, high.rate_rps, len(tried))


def _upwards(low: _Standing | None, where: Range, trials: int) -> Step:
    if low is None:
        return Try(where.start_rps, long=False)
    if low.rate_rps < where.max_rps:
        return Try(min(low.rate_rps * 2, where.max_rps), long=False)
    if not low.settled:
        return Try(low.rate_rps, long=True)
    return Unknown(
        f"it holds at {low.rate_rps:g}/s, the highest rate that the generator can prove", low.rate_rps, trials
    )


def _downwards(high: _Standing, where: Range, trials: int) -> Step:
    if high.rate_rps > where.min_rps:
        return Try(max(high.rate_rps / 2, where.min_rps), long=False)
    if not high.settled:
        return Try(high.rate_rps, long=True)
    return Unknown(f"it does not hold at {high.rate_rps:g}/s, the lowest rate that was to be tried", None, trials)


def _given_up(tried: Sequence[Tried], where: Range) -> str | None:
    last = tried[-where.max_invalid :]
    if len(last) == where.max_invalid and all(trial.result == "invalid" for trial in last):
        return f"{where.max_invalid} trials in a row were invalid: {last[-1].why}"
    if len(tried) >= where.max_trials:
        return f"no answer after {len(tried)} trials: results at the same rates do not agree"
    return None


def _standings(tried: Sequence[Tried]) -> list[_Standing]:
    rates = sorted({trial.rate_rps for trial in tried if trial.result != "invalid"})
    return [_standing(rate, [trial for trial in tried if trial.rate_rps == rate]) for rate in rates]


def _standing(rate_rps: float, trials: Sequence[Tried]) -> _Standing:
    """Long trials outvote short ones. Where they are even, the rate counts as broken until a third decides."""
    votes = [trial.result == "held" for trial in trials if trial.long and trial.result != "invalid"]
    if not votes:
        last = next(trial for trial in reversed(trials) if trial.result != "invalid")
        return _Standing(rate_rps, last.result == "held", settled=False)
    held = votes.count(True)
    return _Standing(rate_rps, held > len(votes) - held, settled=max(held, len(votes) - held) >= _AGREE)


def _bracket(standings: Sequence[_Standing]) -> tuple[_Standing | None, _Standing | None]:
    """The lowest rate that broke, and the highest below it that held."""
    high = next((standing for standing in standings if not standing.held), None)
    below = [s for s in standings if s.held and (high is None or s.rate_rps < high.rate_rps)]
    return (below[-1] if below else None), high


def _rounded(rate_rps: float, low: float, high: float) -> float:
    """Three digits are enough, where they do not fall on an edge."""
    rounded = float(f"{rate_rps:.3g}")
    return rounded if low < rounded < high else rate_rps
