"""The load of a trial as a picture needs it: what each arrival came to, where its dot lies, what each second held."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from harness.model.record import TrialRecord
from harness.model.rows import (
    ANSWERED,
    NOT_SENT,
    TIMED_OUT,
    UNASKED,
    UNFINISHED,
    Outcome,
    Rows,
    in_group,
    nearest_rank,
)
from harness.model.samples import ends_ns

SECOND_NS = 1_000_000_000
_SLACK_NS = 3600 * SECOND_NS  # a damaged row could lie years away; nothing real outlives its record by an hour


@dataclass(frozen=True, slots=True)
class Kind:
    """Arrivals that are drawn alike. `color` is a name of the palette.

    What was planned for after the load was stopped (NOT_SENT_STOP) and a task without a request (NO_REQUEST) are of no
    kind: nobody was kept waiting. What a flow could not go on with (FLOW_ERROR) counts as a wrong answer.
    """

    name: str
    color: str
    dash: str
    outcomes: frozenset[Outcome]

    def of(self, rows: Rows) -> Rows:
        return rows[in_group(rows, self.outcomes)]


_REFUSED = frozenset({Outcome.REFUSED, Outcome.CONNECT_OTHER})
_WRONG = (ANSWERED | {Outcome.FLOW_ERROR}) - {Outcome.OK}
_NAMED = {Outcome.OK} | _WRONG | TIMED_OUT | UNFINISHED | NOT_SENT | _REFUSED

OK = Kind("ok", "dot", "", frozenset({Outcome.OK}))
WRONG = Kind("wrong answer", "bad", "", _WRONG)
TIMEOUT = Kind("timeout", "timeout", "6 3", TIMED_OUT)
CUT = Kind("reset or cut", "cut", "2 2", frozenset(Outcome) - _NAMED)
REFUSED = Kind("refused", "refused", "8 2 2 2", _REFUSED)
OPEN = Kind("open at the end", "mut", "1 3", UNFINISHED)
UNSENT = Kind("not sent", "mut", "4 4", NOT_SENT - UNASKED)

KINDS = (OK, WRONG, TIMEOUT, CUT, REFUSED, OPEN, UNSENT)
WITHOUT_ANSWER = (TIMEOUT, CUT, REFUSED, OPEN, UNSENT)
ERRORS = (WRONG, TIMEOUT, CUT, REFUSED)


@dataclass(frozen=True, slots=True)
class Second:
    """The arrivals due in one second. Quantiles count what was answered and, at the time they had waited so far, what
    was not: `p99_open` says that the p99 is such a wait, so that the truth is at least that. None: nothing to tell."""

    second: int
    counts: Mapping[str, int]
    p50_ms: float | None
    p99_ms: float | None
    p99_open: bool


def placed_rows(record: TrialRecord) -> Rows:
    """The rows that lie on the trial's clock: all but damaged ones, and those that were due after the load's end."""
    rows = record.samples
    last_ns = record.last_ns + _SLACK_NS
    due = rows["intended"]
    placed = (due >= 0) & (due <= last_ns) & (ends_ns(rows) <= last_ns)
    placed &= ~in_group(rows, UNASKED)
    kept: Rows = rows if placed.all() else rows[placed]
    return kept


def latency_points(rows: Rows, kind: Kind) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Seconds at which arrivals were due, and milliseconds until they were answered."""
    due, waited = rows["intended"], rows["done"] - rows["intended"]
    mine = in_group(rows, kind.outcomes) & (waited >= 0)
    return due[mine] / 1e9, waited[mine] / 1e6


def due_s(rows: Rows, kind: Kind) -> NDArray[np.float64]:
    due: NDArray[np.float64] = rows["intended"][in_group(rows, kind.outcomes)] / 1e9
    return due


def seconds_of(rows: Rows) -> tuple[Second, ...]:
    """One entry for each second from the first arrival to the last, empty ones too."""
    if not len(rows):
        return ()
    numbers = rows["intended"] // SECOND_NS
    first, last = int(numbers.min()), int(numbers.max())
    order = np.argsort(numbers, kind="stable")
    borders = np.searchsorted(numbers[order], np.arange(first, last + 2)).tolist()
    counts = np.stack([np.bincount(numbers[in_group(rows, k.outcomes)] - first, minlength=len(borders)) for k in KINDS])
    waited = (rows["done"] - rows["intended"])[order]
    timed = (in_group(rows, ANSWERED | TIMED_OUT | UNFINISHED)[order]) & (waited >= 0)
    answered = in_group(rows, ANSWERED)[order]
    found = []
    for i, (a, b) in enumerate(pairwise(borders)):
        mine = timed[a:b]
        told = dict(zip((kind.name for kind in KINDS), counts[:, i].tolist(), strict=True))
        found.append(_second(first + i, told, waited[a:b][mine], answered[a:b][mine]))
    return tuple(found)


def _second(number: int, counts: Mapping[str, int], times: NDArray[np.int64], is_answered: NDArray[np.bool_]) -> Second:
    """`times` is how long each was waited for."""
    if not len(times):
        return Second(number, counts, None, None, False)
    p99 = nearest_rank(times, 990)
    answered = times[is_answered]
    is_open = not len(answered) or p99 > int(answered.max()) or p99 not in answered
    return Second(number, counts, nearest_rank(times, 500) / 1e6, p99 / 1e6, is_open)
