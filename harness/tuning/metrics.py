"""What one trial is worth in numbers, for comparing it with others: of the stretch before anything was broken.

Response time counts from the moment at which an arrival was due. An arrival that failed or got no answer counts as
slower than every answered one: a service that drops its slow requests must not look fast. A quantile that falls among
those is not a number, and is left out; so is one with too few arrivals to know it (at least 10 beyond the quantile).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from harness.model.record import TrialRecord
from harness.model.rows import ANSWERED, Outcome, Rows, in_group
from harness.model.samples import UNJUDGED, ends_ns

Unit = Literal["ms", "share", "requests/s"]

_NEVER = np.iinfo(np.int64).max
_BEYOND = 10


@dataclass(frozen=True, slots=True)
class Metric:
    """`better`: which way is better. `digits` after the point are shown."""

    name: str
    says: str
    unit: Unit
    better: Literal["lower", "higher"]
    digits: int


METRICS: tuple[Metric, ...] = (
    Metric("p50_ms", "median response time", "ms", "lower", 1),
    Metric("p95_ms", "95 % of the responses were within", "ms", "lower", 1),
    Metric("p99_ms", "99 % of the responses were within", "ms", "lower", 1),
    Metric("error_rate", "share of the arrivals without the expected answer", "share", "lower", 4),
    Metric("goodput_rps", "expected answers in a second", "requests/s", "higher", 1),
)


def measure(record: TrialRecord) -> Mapping[str, float]:
    """By name of the metric; what cannot be told is absent. Empty for a trial that never reached its baseline."""
    span = record.phase("baseline")
    return {} if span is None else measure_within(record, span.start_ns, span.end_ns)


def measure_within(record: TrialRecord, start_ns: int, end_ns: int) -> Mapping[str, float]:
    """Of what was due in any stretch."""
    rows = _undisturbed(record, start_ns, end_ns)
    if end_ns <= start_ns or not len(rows):
        return {}
    good = rows["code"] == Outcome.OK
    times = np.sort(np.where(in_group(rows, ANSWERED), rows["done"] - rows["intended"], _NEVER))
    found = {
        "error_rate": float(1 - np.count_nonzero(good) / len(rows)),
        "goodput_rps": float(np.count_nonzero(good) / ((end_ns - start_ns) / 1e9)),
    }
    for name, per_mille in (("p50_ms", 500), ("p95_ms", 950), ("p99_ms", 990)):
        rank = -(-len(times) * per_mille // 1000)  # nearest rank, counted from 1
        if len(times) - rank >= _BEYOND and times[rank - 1] != _NEVER:
            found[name] = float(times[rank - 1]) / 1e6
    return {metric.name: found[metric.name] for metric in METRICS if metric.name in found}


def _undisturbed(record: TrialRecord, start_ns: int, end_ns: int) -> Rows:
    """Due in the phase; what a fault met belongs to the fault; what was cut off, or never left us, says nothing."""
    rows = record.samples
    rows = rows[(rows["intended"] >= start_ns) & (rows["intended"] < end_ns)]
    rows = rows[~in_group(rows, UNJUDGED)]
    bite = record.bite
    return rows if bite is None else rows[ends_ns(rows) < bite.start_ns]
