"""How the rate of a load goes over its time: plain data, as a target file says it.

All moments count from the beginning of the load, the warm-up included. What comes after the last one stays as it is,
but for the shapes that begin anew.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Arrivals = Literal["uniform", "poisson"]
"""Equal gaps, or those of independent users."""


@dataclass(frozen=True, slots=True)
class Constant:
    """The rate of the load, all the time."""

    arrivals: Arrivals = "uniform"
    kind: Literal["constant"] = "constant"


@dataclass(frozen=True, slots=True)
class Step:
    """One rate after the other; the last one stays."""

    levels_rps: tuple[float, ...]
    each_s: float
    arrivals: Arrivals = "uniform"
    kind: Literal["step"] = "step"


@dataclass(frozen=True, slots=True)
class Ramp:
    """In a straight line from the rate of the load to another one, which stays."""

    to_rps: float
    over_s: float
    after_s: float = 0.0
    arrivals: Arrivals = "uniform"
    kind: Literal["ramp"] = "ramp"


@dataclass(frozen=True, slots=True)
class Spike:
    """At once to another rate, and back."""

    peak_rps: float
    after_s: float
    for_s: float
    arrivals: Arrivals = "uniform"
    kind: Literal["spike"] = "spike"


@dataclass(frozen=True, slots=True)
class Diurnal:
    """A wave, as a day has one: from the low rate to the high one and back, again and again."""

    low_rps: float
    high_rps: float
    period_s: float
    arrivals: Arrivals = "uniform"
    kind: Literal["diurnal"] = "diurnal"


@dataclass(frozen=True, slots=True)
class Replayed:
    """Moments from a file, one a line, in seconds; it begins anew when it is over. The rates are what it holds."""

    file: str
    mean_rps: float
    peak_rps: float
    kind: Literal["replayed"] = "replayed"


LoadShape = Constant | Step | Ramp | Spike | Diurnal | Replayed
STEADY = Constant()


def own_rate_rps(shape: LoadShape) -> float | None:
    """The rate that stands for a shape which says its own; None where the load's rate is asked for."""
    match shape:
        case Step():
            return max(shape.levels_rps)
        case Diurnal():
            return (shape.low_rps + shape.high_rps) / 2
        case Replayed():
            return shape.mean_rps
    return None


def least_rps(shape: LoadShape, rate_rps: float) -> float:
    """A rate that it never falls below; what comes by chance or from a file may pause."""
    if isinstance(shape, Replayed) or shape.arrivals == "poisson":
        return 0.0
    match shape:
        case Step():
            return min(shape.levels_rps)
        case Ramp():
            return min(rate_rps, shape.to_rps)
        case Spike():
            return min(rate_rps, shape.peak_rps)
        case Diurnal():
            return shape.low_rps
    return rate_rps


def describe(shape: LoadShape, rate_rps: float) -> str:
    """The load's rate in a few words."""
    by_chance = "" if isinstance(shape, Replayed) or shape.arrivals == "uniform" else " (Poisson)"
    match shape:
        case Constant():
            return f"{rate_rps:g} requests/s{by_chance}"
        case Step():
            levels = ", ".join(f"{level:g}" for level in shape.levels_rps)
            return f"{levels} requests/s, each for {shape.each_s:g} s{by_chance}"
        case Ramp():
            return f"{rate_rps:g} to {shape.to_rps:g} requests/s in {shape.over_s:g} s{by_chance}"
        case Spike():
            return f"{rate_rps:g} requests/s, {shape.peak_rps:g} for {shape.for_s:g} s{by_chance}"
        case Diurnal():
            return f"{shape.low_rps:g} to {shape.high_rps:g} requests/s and back in {shape.period_s:g} s{by_chance}"
        case Replayed():
            return f"{rate_rps:g} requests/s as in a file, {shape.peak_rps:g} in its busiest second"
