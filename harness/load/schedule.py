"""When each arrival of a load is due, and which request it makes: a pure function of the profile.

Arrival number k is the key of everything that is recorded about it. Its random numbers come from a hash of k and the
seed, so that any part of the schedule can be computed anywhere, by any number of drivers, and is the same on every
version of numpy. The gaps of a Poisson process are added up as integers for the same reason.

Nobody needs the whole at once. A Poisson process is the one kind whose arrivals depend on all before them: its sum is
kept at the border of each block, and a part is computed from the nearest border on.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from harness.load.profile import Profile, Segment

BLOCK = 8192
"""Arrivals that a driver computes at a time: a part of a millisecond."""

_GAP_UNIT = 2**32
_CHOICE = 7919  # sets the choice of the request apart from the gaps


@dataclass(frozen=True, slots=True, eq=False)
class Arrivals:
    """Arrival `first + i` is due `intended_ns[i]` after the start of the load and makes request `endpoint[i]`."""

    first: int
    intended_ns: NDArray[np.int64]
    endpoint: NDArray[np.uint16]

    def __len__(self) -> int:
        return len(self.intended_ns)

    @property
    def numbers(self) -> NDArray[np.int64]:
        return np.arange(self.first, self.first + len(self))


class Times(Protocol):
    """The due moments of a load, in ascending order."""

    def __len__(self) -> int: ...

    def part(self, first: int, last: int) -> NDArray[np.int64]:
        """Those of the arrivals first to last - 1, in nanoseconds after the start."""


class Schedule:
    """Every arrival of a load, computed when it is asked for. `times` stands for those that the segments give."""

    def __init__(self, profile: Profile, times: Times | None = None) -> None:
        self._seed = profile.seed
        self._borders = np.cumsum([line.weight for line in profile.requests])
        self._times = times or _Computed(profile)
        self._count = len(self._times)

    def __len__(self) -> int:
        return self._count

    def arrivals(self, first: int, last: int) -> Arrivals:
        """The arrivals first to last - 1, as far as there are such."""
        first, last = max(first, 0), min(last, self._count)
        if first >= last:
            return Arrivals(first, np.zeros(0, np.int64), np.zeros(0, np.uint16))
        return Arrivals(first, self._times.part(first, last), self._endpoints(first, last))

    def blocks(self, first: int = 0) -> Iterator[Arrivals]:
        """All from `first` on, at most BLOCK at a time."""
        for start in range(first, self._count, BLOCK):
            yield self.arrivals(start, start + BLOCK)

    def whole(self) -> Arrivals:
        return self.arrivals(0, self._count)

    def _endpoints(self, first: int, last: int) -> NDArray[np.uint16]:
        draws = random_units(self._seed + _CHOICE, np.arange(first, last)) * self._borders[-1]
        chosen: NDArray[np.intp] = np.searchsorted(self._borders, draws, side="right")
        return np.minimum(chosen, len(self._borders) - 1).astype(np.uint16)


def random_units(seed: int, k: NDArray[np.int64]) -> NDArray[np.float64]:
    """One number in (0, 1) for each k: splitmix64."""
    with np.errstate(over="ignore"):
        z = k.astype(np.uint64) + np.uint64(seed * 0x9E3779B97F4A7C15 & 2**64 - 1)
        z = z * np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        z = z ^ (z >> np.uint64(31))
    return ((z >> np.uint64(11)).astype(np.float64) + 0.5) / 2.0**53


class _Levels(Protocol):
    """The counts of expected arrivals at which each one comes."""

    def __len__(self) -> int: ...
    def part(self, first: int, last: int) -> NDArray[np.float64]: ...


class _Computed:
    """The moments at which the integral of the segments' rate reaches each level."""

    def __init__(self, profile: Profile) -> None:
        total = sum(segment.arrivals for segment in profile.segments)
        self._levels: _Levels = _Uniform(total) if profile.arrivals == "uniform" else _Poisson(profile.seed, total)
        self._rates = _Rates(profile.segments)

    def __len__(self) -> int:
        return len(self._levels)

    def part(self, first: int, last: int) -> NDArray[np.int64]:
        return self._rates.times_ns(self._levels.part(first, last))


class _Uniform:
    """Each arrival comes in the middle of its own share."""

    def __init__(self, total: float) -> None:
        self._count = max(0, int(np.ceil(total - 0.5)))

    def __len__(self) -> int:
        return self._count

    def part(self, first: int, last: int) -> NDArray[np.float64]:
        return np.arange(first, last, dtype=np.float64) + 0.5


class _Poisson:
    """Exponential gaps. `_sums[b]` is the sum of those before block b, in units of 1 / 2^32."""

    def __init__(self, seed: int, total: float) -> None:
        self._seed = seed
        sums = [0]
        while sums[-1] < total * _GAP_UNIT:
            sums.append(int(self._block(len(sums) - 1, sums[-1])[-1]))
        self._sums = np.array(sums, np.int64)
        last_block = len(sums) - 2
        levels = self._block(last_block, sums[last_block]) / _GAP_UNIT if last_block >= 0 else np.zeros(0)
        self._count = max(0, last_block) * BLOCK + int(np.searchsorted(levels, total, side="left"))

    def __len__(self) -> int:
        return self._count

    def part(self, first: int, last: int) -> NDArray[np.float64]:
        blocks = range(first // BLOCK, -(-last // BLOCK))
        joined = np.concatenate([self._block(block, int(self._sums[block])) for block in blocks])
        start = blocks.start * BLOCK
        return joined[first - start : last - start] / _GAP_UNIT

    def _block(self, block: int, before: int) -> NDArray[np.int64]:
        gaps = -np.log(random_units(self._seed, np.arange(block * BLOCK, (block + 1) * BLOCK)))
        return np.cumsum(np.rint(gaps * _GAP_UNIT).astype(np.int64)) + before


class _Rates:
    def __init__(self, segments: tuple[Segment, ...]) -> None:
        self._counts = np.cumsum([0.0] + [segment.arrivals for segment in segments])
        self._starts = np.cumsum([0.0] + [segment.duration_s for segment in segments])
        self._rate = np.array([segment.rate_rps for segment in segments])
        self._length = np.array([segment.duration_s for segment in segments])
        self._slope = (np.array([segment.end_rate_rps for segment in segments]) - self._rate) / self._length

    def times_ns(self, levels: NDArray[np.float64]) -> NDArray[np.int64]:
        i = np.clip(np.searchsorted(self._counts, levels, side="right") - 1, 0, len(self._rate) - 1)
        level, rate = levels - self._counts[i], self._rate[i]
        # Solves rate * x + slope * x² / 2 = level in the form that stays exact when the slope is 0.
        below = rate + np.sqrt(np.maximum(rate**2 + 2 * self._slope[i] * level, 0.0))
        within = np.divide(2 * level, below, out=np.zeros_like(level), where=below > 0)
        times: NDArray[np.float64] = self._starts[i] + np.minimum(within, self._length[i])
        return np.rint(times * 1e9).astype(np.int64)
