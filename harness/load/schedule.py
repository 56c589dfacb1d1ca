"""When each arrival of a load is due, and which request it makes: a pure function of the profile.

Arrival number k is the key of everything that is recorded about it. Its random numbers come from a hash of k and the
seed, so that any part of the schedule can be computed anywhere, by any number of drivers, and is the same on every
version of numpy. The gaps of a Poisson process are added up as integers for the same reason.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harness.load.profile import Profile, Segment

_GAP_UNIT = 2**32
_CHOICE = 7919  # sets the choice of the request apart from the gaps


@dataclass(frozen=True, slots=True, eq=False)
class Schedule:
    """Arrival k is due `intended_ns[k]` after the start of the load and makes request `endpoint[k]`."""

    intended_ns: NDArray[np.int64]
    endpoint: NDArray[np.uint16]

    def __len__(self) -> int:
        return len(self.intended_ns)


def make_schedule(profile: Profile) -> Schedule:
    levels = _uniform_levels(profile) if profile.arrivals == "uniform" else _poisson_levels(profile)
    return Schedule(_times_ns(profile.segments, levels), _endpoints(profile, len(levels)))


def random_units(seed: int, k: NDArray[np.int64]) -> NDArray[np.float64]:
    """One number in (0, 1) for each k: splitmix64."""
    with np.errstate(over="ignore"):
        z = k.astype(np.uint64) + np.uint64(seed * 0x9E3779B97F4A7C15 & 2**64 - 1)
        z = z * np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        z = z ^ (z >> np.uint64(31))
    return ((z >> np.uint64(11)).astype(np.float64) + 0.5) / 2.0**53


def _total(profile: Profile) -> float:
    return sum(segment.arrivals for segment in profile.segments)


def _uniform_levels(profile: Profile) -> NDArray[np.float64]:
    """The count of expected arrivals at which each one comes: in the middle of its own share."""
    levels: NDArray[np.float64] = np.arange(int(_total(profile)) + 1, dtype=np.float64) + 0.5
    return levels[levels < _total(profile)]


def _poisson_levels(profile: Profile) -> NDArray[np.float64]:
    total = _total(profile)
    count = int(total + 10 * total**0.5) + 100
    while True:
        gaps = -np.log(random_units(profile.seed, np.arange(count)))
        levels = np.cumsum(np.rint(gaps * _GAP_UNIT).astype(np.int64)) / _GAP_UNIT
        if levels[-1] >= total:
            return levels[levels < total]
        count *= 2


def _times_ns(segments: tuple[Segment, ...], levels: NDArray[np.float64]) -> NDArray[np.int64]:
    """The moment at which the integral of the rate reaches each level."""
    counts = np.cumsum([0.0] + [segment.arrivals for segment in segments])
    starts = np.cumsum([0.0] + [segment.duration_s for segment in segments])
    index = np.clip(np.searchsorted(counts, levels, side="right") - 1, 0, len(segments) - 1)
    times = np.zeros(len(levels))
    for i, segment in enumerate(segments):
        mine = index == i
        times[mine] = starts[i] + _within(segment, levels[mine] - counts[i])
    return np.rint(times * 1e9).astype(np.int64)


def _within(segment: Segment, level: NDArray[np.float64]) -> NDArray[np.float64]:
    # Solves rate * x + slope * x² / 2 = level in the form that stays exact when the slope is 0.
    slope = (segment.end_rate_rps - segment.rate_rps) / segment.duration_s
    root = np.sqrt(np.maximum(segment.rate_rps**2 + 2 * slope * level, 0.0))
    return np.minimum(2 * level / (segment.rate_rps + root), segment.duration_s)


def _endpoints(profile: Profile, count: int) -> NDArray[np.uint16]:
    borders = np.cumsum([line.weight for line in profile.requests])
    draws = random_units(profile.seed + _CHOICE, np.arange(count)) * borders[-1]
    chosen: NDArray[np.intp] = np.searchsorted(borders, draws, side="right")
    return np.minimum(chosen, len(borders) - 1).astype(np.uint16)
