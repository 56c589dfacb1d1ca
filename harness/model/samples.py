"""What the rows of a load say: by phase, by request line.

Response time counts from the moment at which the arrival was due, service time from the moment at which it was sent.
Both are told of answered requests only; where an answer never came, `over_limit` counts it as over.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harness.model.rows import (
    ANSWERED,
    ROW,
    UNASKED,
    UNFINISHED,
    Outcome,
    Rows,
    in_group,
    nearest_rank,
)

Times = NDArray[np.int64]

_JUDGED = np.dtype([(name, ROW[name]) for name in ("intended", "sent", "done", "code", "endpoint")])
UNJUDGED = UNFINISHED | UNASKED | {Outcome.LOST, Outcome.NOT_SENT_LATE}


@dataclass(frozen=True, slots=True)
class Quantiles:
    n: int
    p50_ns: int
    p90_ns: int
    p99_ns: int
    max_ns: int


@dataclass(frozen=True, slots=True)
class Share:
    """`count` of `n`."""

    count: int
    n: int

    @property
    def value(self) -> float:
        """Zero of nothing is zero: ask n before believing it."""
        return self.count / self.n if self.n else 0.0


def ends_ns(rows: Rows) -> Times:
    """When each arrival was over. One that was kept back by us, by a stop or by lateness, is over when it was due."""
    done: Times = rows["done"]
    unknown = done < 0
    return np.where(unknown, rows["intended"], done) if unknown.any() else done


def inside(rows: Rows, start_ns: int, end_ns: int) -> Rows:
    """Those that were due, and over, within the phase: for phases in which nothing is broken."""
    return rows[is_inside(rows, start_ns, end_ns)]


def is_inside(rows: Rows, start_ns: int, end_ns: int) -> NDArray[np.bool_]:
    found: NDArray[np.bool_] = (rows["intended"] >= start_ns) & (ends_ns(rows) < end_ns)
    return found


def overlapping(rows: Rows, start_ns: int, end_ns: int) -> Rows:
    """Those that were open at any moment of the phase: a request that meets a fault belongs to it."""
    return rows[is_overlapping(rows, start_ns, end_ns)]


def is_overlapping(rows: Rows, start_ns: int, end_ns: int) -> NDArray[np.bool_]:
    found: NDArray[np.bool_] = (rows["intended"] < end_ns) & (ends_ns(rows) >= start_ns)
    return found


def taken(rows: Rows, among: NDArray[np.bool_]) -> Rows:
    """Of these rows the fields that judging needs, half of their bytes: a long load has hundreds of megabytes."""
    places = np.flatnonzero(among)
    found = np.empty(len(places), _JUDGED)
    if len(places):
        near = slice(places[0], places[-1] + 1)  # a phase is a stretch of the file, more or less
        for name in _JUDGED.names or ():
            found[name] = rows[name][near][among[near]]
    return found


def of_endpoint(rows: Rows, *endpoints: int) -> Rows:
    return rows[np.isin(rows["endpoint"], endpoints)]


def response_ns(rows: Rows) -> Times:
    answered = in_group(rows, ANSWERED)  # single columns are taken apart, for whole rows are many times as much
    times: Times = rows["done"][answered] - rows["intended"][answered]
    return times


def service_ns(rows: Rows) -> Times:
    answered = in_group(rows, ANSWERED) & (rows["sent"] >= 0)
    times: Times = rows["done"][answered] - rows["sent"][answered]
    return times


def send_lag_ns(rows: Rows, among: NDArray[np.bool_] | None = None) -> Times:
    """How late requests left: the generator's own lateness, and the wait for a connection."""
    sent = rows["sent"] >= 0 if among is None else among & (rows["sent"] >= 0)
    times: Times = rows["sent"][sent] - rows["intended"][sent]
    return times


def quantiles(values_ns: Times) -> Quantiles | None:
    """None where there is nothing to tell."""
    if not len(values_ns):
        return None
    p50, p90, p99, top = (nearest_rank(values_ns, per_mille) for per_mille in (500, 900, 990, 1000))
    return Quantiles(len(values_ns), p50, p90, p99, top)


def errors(rows: Rows) -> Share:
    """Everything but an expected answer, of all that could be judged.

    What was cut off by the end of the load, or not sent because the generator was late, is neither good nor bad. An
    arrival that waited in vain for a connection is an error: whoever sent it got no answer.
    """
    judged = ~in_group(rows, UNJUDGED)
    return Share(int(np.count_nonzero(judged & (rows["code"] != Outcome.OK))), int(np.count_nonzero(judged)))


def over_limit(rows: Rows, limit_ns: int) -> Share:
    """Arrivals not answered within the limit. One that failed or got no answer is over it.

    What the end of the load cut off counts only if it was already over.
    """
    answered = in_group(rows, ANSWERED)
    cut = in_group(rows, UNJUDGED)
    late = ends_ns(rows) - rows["intended"] > limit_ns
    over = np.where(answered | cut, late, True)
    return Share(int(np.count_nonzero(over)), int(np.count_nonzero(~cut | late)))


def acknowledged(rows: Rows, stores: Sequence[bool]) -> Rows:
    """Answers as expected to a request line that stores something; `stores` says it of each line."""
    confirmed: Rows = rows[(rows["code"] == Outcome.OK) & _storing(rows, stores)]
    return confirmed


def _storing(rows: Rows, stores: Sequence[bool]) -> NDArray[np.bool_]:
    return np.isin(rows["endpoint"], [i for i, stored in enumerate(stores) if stored])
