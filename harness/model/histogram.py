"""Histograms of latency whose size does not grow with the load, and which can be added up.

A bucket is a 64th of a power of two wide: what is told of one is at most 1.6 % above the truth, from a microsecond to
days. So a second, a request line and a phase each have a few hundred numbers at most, and those of a minute are the sum
of those of its seconds. Percentiles cannot be added up, nor can means of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from harness.model.rows import ANSWERED, Rows, in_group

Clock = Literal["response", "service"]
"""From the moment at which an arrival was due, or from that at which it was sent."""

_PARTS = 64
_LOWEST_NS = 1024
_BUCKETS = _PARTS * 40


@dataclass(frozen=True, slots=True, eq=False)
class Histogram:
    """`counts[i]` values lie in bucket `buckets[i]`; the buckets ascend, and empty ones are left out."""

    buckets: NDArray[np.int64]
    counts: NDArray[np.int64]

    @classmethod
    def of(cls, values_ns: NDArray[np.int64]) -> Histogram:
        return cls(*np.unique(bucket_of(values_ns), return_counts=True))

    @classmethod
    def sum(cls, parts: Iterable[Histogram]) -> Histogram:
        total = np.zeros(_BUCKETS, np.int64)
        for part in parts:
            total[part.buckets] += part.counts
        buckets = np.flatnonzero(total)
        return cls(buckets, total[buckets])

    @property
    def n(self) -> int:
        return int(self.counts.sum())

    def quantile_ns(self, per_mille: int) -> int:
        """The upper end of the bucket in which the value of this rank lies. There must be values."""
        if not self.n:
            raise ValueError("a quantile of nothing")
        if not 0 < per_mille <= 1000:
            raise ValueError(f"per_mille lies between 1 and 1000, not {per_mille}")
        rank = -(-per_mille * self.n // 1000)
        return upper_ns(int(self.buckets[np.searchsorted(np.cumsum(self.counts), rank)]))


def bucket_of(values_ns: NDArray[np.int64]) -> NDArray[np.int64]:
    """All below a microsecond are in the first one, all above the highest in the last."""
    fraction, exponent = np.frexp(np.maximum(values_ns, _LOWEST_NS) / _LOWEST_NS)
    part = ((fraction - 0.5) * (2 * _PARTS)).astype(np.int64)
    buckets: NDArray[np.int64] = np.minimum((exponent.astype(np.int64) - 1) * _PARTS + part, _BUCKETS - 1)
    return buckets


def upper_ns(bucket: int) -> int:
    """No value of the bucket is above it."""
    power, part = divmod(bucket + 1, _PARTS)
    return int(_LOWEST_NS * 2**power * (1 + part / _PARTS))


def latencies_ns(rows: Rows, clock: Clock) -> NDArray[np.int64]:
    """How long each answered request took; −1 where there is nothing to tell."""
    begin = rows["intended" if clock == "response" else "sent"]
    told = in_group(rows, ANSWERED) & (rows["sent"] >= 0)
    return np.where(told, np.maximum(rows["done"] - begin, 0), -1)


def by_second(rows: Rows, clock: Clock) -> Mapping[int, Histogram]:
    """Of each second in which answered requests were due."""
    return _by(rows["intended"] // 10**9, rows, clock)


def by_request(rows: Rows, clock: Clock) -> Mapping[int, Histogram]:
    """Of each request line, by its index."""
    return _by(rows["endpoint"].astype(np.int64), rows, clock)


def by_phase(rows: Rows, clock: Clock, begins_ns: NDArray[np.int64]) -> Mapping[int, Histogram]:
    """Of each phase in which requests were due, by its index among the ascending beginnings; −1 before the first."""
    return _by(np.searchsorted(begins_ns, rows["intended"], side="right") - 1, rows, clock)


def _by(groups: NDArray[np.int64], rows: Rows, clock: Clock) -> Mapping[int, Histogram]:
    times = latencies_ns(rows, clock)
    told = times >= 0
    if not told.any():
        return {}
    low = int(groups[told].min())
    keys, counts = np.unique((groups[told] - low) * _BUCKETS + bucket_of(times[told]), return_counts=True)
    found, buckets = np.divmod(keys, _BUCKETS)
    borders = np.flatnonzero(np.diff(found, prepend=-1))
    ends = [*borders[1:].tolist(), len(keys)]
    return {
        int(found[a]) + low: Histogram(buckets[a:b], counts[a:b]) for a, b in zip(borders.tolist(), ends, strict=True)
    }
