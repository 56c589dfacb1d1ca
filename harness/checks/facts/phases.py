"""Which requests of a trial may be held to its budget and its SLO.

    baseline                  due and over before the first fault
    fault, untouched lines    open at any moment of a fault that breaks nothing of what they need
    recovery                  due after the service was seen to have recovered

What is due between the lift and the recovery belongs to `recovers`. Under a worker's fault all lines are judged, but
what that worker had in hand is left out. No app tells which worker had which request, so the bound is generous: for a
kill, what was open within a quarter second of it and broke off; for anything else, what was open while the worker was
hurt and broke off or took longer than one second. Where the fault leaves the worker answering, but takes from it what
requests need: also what was refused, and what may have needed it and was late. How long it may wait is for
`requests-bounded` to say.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harness.model.observation import LoadEnded
from harness.model.record import Span, TrialRecord
from harness.model.rows import FAILED, TIMED_OUT, Outcome, Rows, in_group
from harness.model.samples import (
    ends_ns,
    errors,
    is_inside,
    is_overlapping,
    of_endpoint,
    quantiles,
    response_ns,
    taken,
)
from harness.model.target import Limits

from .recovery import bite, covered, hurt_until_ns, load_end_ns, recovery
from .troubles import Trouble, ends_for_good, first_bite_ns, troubles, untouched_lines

_KILL_SLACK_NS = 250_000_000
_HELD_NS = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Judged:
    """The requests of one phase; `left_out` were in the hands of a worker that a fault hit."""

    phase: str
    rows: Rows
    left_out: int = 0


@dataclass(frozen=True, slots=True)
class Judgeable:
    """`missing` says what should have been judged and could not be."""

    phases: tuple[Judged, ...]
    missing: tuple[str, ...]


def judgeable(record: TrialRecord, limits: Limits) -> Judgeable:
    phases: list[Judged] = []
    missing: list[str] = []
    baseline = baseline_rows(record)
    if baseline is None:
        missing.append("the baseline was never reached")
    else:
        phases.append(Judged("baseline", baseline))
    if troubles(record) and not ends_for_good(record.trial):
        fault = _fault(record)
        if fault is not None:
            phases.append(fault)
        recovered = recovered_rows(record, limits)
        if recovered is None:
            missing.append("the recovery was not judged, for the service was not seen to recover")
        else:
            phases.append(Judged("recovery", recovered))
    return Judgeable(tuple(phases), tuple(missing))


def baseline_span(record: TrialRecord) -> Span | None:
    phase = record.phase("baseline")
    if phase is None:
        return None
    bitten = first_bite_ns(record)
    return phase if bitten is None else Span(phase.start_ns, max(phase.start_ns, min(phase.end_ns, bitten)))


def baseline_rows(record: TrialRecord) -> Rows | None:
    """Wholly inside where a fault follows; without one, all that was due: nothing comes that could excuse it."""
    span = baseline_span(record)
    if span is None:
        return None
    if first_bite_ns(record) is None:
        return due_in(record.samples, span)
    return taken(record.samples, is_inside(record.samples, span.start_ns, span.end_ns))


def recovered_rows(record: TrialRecord, limits: Limits) -> Rows | None:
    """What was due after the recovery; None where there was none."""
    span = recovered_span(record, limits)
    return None if span is None else due_in(record.samples, span)


def recovered_span(record: TrialRecord, limits: Limits) -> Span | None:
    seen = recovery(record, limits)
    since = seen.recovered_ns if seen else None
    hurt = bite(record)
    if since is None or hurt is None:
        return None
    return Span(max(since, hurt.end_ns), load_end_ns(record))


def due_in(rows: Rows, span: Span) -> Rows:
    return taken(rows, is_due_in(rows, span))


def is_due_in(rows: Rows, span: Span) -> NDArray[np.bool_]:
    due: NDArray[np.bool_] = (rows["intended"] >= span.start_ns) & (rows["intended"] < span.end_ns)
    return due


def _fault(record: TrialRecord) -> Judged | None:
    hurt = bite(record)
    lines = untouched_lines(record)
    if hurt is None or not lines:
        return None
    mine = np.isin(record.samples["endpoint"], lines)
    rows = taken(record.samples, mine & is_overlapping(record.samples, hurt.start_ns, hurt.end_ns))
    out = np.zeros(len(rows), dtype=np.bool_)
    for trouble in troubles(record):
        if trouble.what == "worker":
            out |= _in_hand(record, trouble, rows)
    return Judged("fault", rows[~out], int(np.count_nonzero(out)))


def _in_hand(record: TrialRecord, trouble: Trouble, rows: Rows) -> NDArray[np.bool_]:
    """What the hurt worker may have had in hand, by the bound above."""
    said_no = {Outcome.BAD_STATUS} if trouble.has("answering") else set()
    broke = in_group(rows, FAILED | TIMED_OUT | said_no)
    ends = ends_ns(rows)
    if trouble.has("fatal"):
        border = trouble.applied.done_ns + _KILL_SLACK_NS
        killed: NDArray[np.bool_] = broke & (rows["intended"] <= border) & (ends >= trouble.applied.sent_ns)
        return killed
    there = (rows["intended"] < hurt_until_ns(record, trouble)) & (ends >= trouble.applied.sent_ns)
    held: NDArray[np.bool_] = there & (broke | (ends - rows["intended"] > _late_after_ns(record, trouble, rows)))
    return held


def _late_after_ns(record: TrialRecord, trouble: Trouble, rows: Rows) -> NDArray[np.int64]:
    """For each row, after how long it may have waited for what the worker lacks. Whoever gets one of the last
    connections, or the first that is made anew, has waited for less than a second."""
    late = np.full(len(rows), _HELD_NS, dtype=np.int64)
    if trouble.has("answering"):
        part, lines = trouble.cut_off_from, record.trial.requests
        short = [index for index, line in enumerate(lines) if not part or part in line.needs]
        late[np.isin(rows["endpoint"], short)] = min(_HELD_NS, int(record.trial.slo.p99_ms * 1e6))
    return late


def told(record: TrialRecord) -> dict[str, object]:
    """What the lines that need what is broken did meanwhile. It is told, never judged."""
    hurt = bite(record)
    untouched = untouched_lines(record)
    found: dict[str, object] = {}
    if hurt is None:
        return found
    rows = taken(record.samples, is_overlapping(record.samples, hurt.start_ns, hurt.end_ns))
    for index, line in enumerate(record.trial.requests):
        mine = of_endpoint(rows, index)
        if index in untouched or not len(mine):
            continue
        share, times = errors(mine), quantiles(response_ns(mine))
        found[line.name] = {
            "n": share.n,
            "errors": share.count,
            "p50_ms": times.p50_ns / 1e6 if times else None,
            "p99_ms": times.p99_ns / 1e6 if times else None,
        }
    return found


def driver_done(record: TrialRecord) -> LoadEnded | None:
    ended = record.of(LoadEnded)
    return ended[-1] if ended else None


def beside(phase: Judged, unfit: Sequence[Span]) -> Judged:
    """The phase without what lies wholly where the machine was not fit."""
    rows = phase.rows
    out = covered(rows, unfit)
    return Judged(phase.phase, rows[~out], phase.left_out + int(np.count_nonzero(out)))
