"""Did the service hold its objectives at one rate? What a capacity search asks of each trial.

Held: nearly all that was due was answered as expected, within the SLO, and the second half was no slower than the
first, for a backlog that grows makes latency a function of the length of the trial. A trial that broke while one of the
strict gates of the generator was broken too (gates.py) says nothing about the service. A gate whose figure is not known
decides nothing: under overload everything waits for a connection, and no lag is the generator's alone.
"""

from __future__ import annotations

from collections.abc import Container

import numpy as np

from harness.model.record import Span, TrialRecord
from harness.model.rows import ANSWERED, Outcome, Rows, in_group
from harness.model.samples import over_limit, quantiles, response_ns
from harness.tuning.capacity import Tried
from harness.tuning.gates import broken, unknown

LONG_NAME = "rate-long"
"""The scenario whose trials are long, as the plan names it."""
DONE_SHARE = 0.98
OVER_SHARE = 0.01
GROWTH = 1.5
GROWTH_MS = 5.0
_LEAST = 30


def holds(record: TrialRecord) -> Tried:
    """Of the baseline of a trial without faults."""
    rate, long = record.trial.rate_rps, record.trial.scenario.name == LONG_NAME
    span = record.phase("baseline")
    if span is None or not record.whole:
        return _without(record, rate, long)
    return holds_within(record, span, rate, long)


def holds_within(
    record: TrialRecord, span: Span, rate_rps: float, long: bool = False, besides: Container[str] = ()
) -> Tried:
    """Of any stretch with one rate. `besides` are gates that are known to say nothing here."""
    rows = record.samples
    due = rows[(rows["intended"] >= span.start_ns) & (rows["intended"] < span.end_ns)]
    if len(due) < _LEAST:
        return Tried(rate_rps, long, "invalid", f"only {len(due)} arrivals were due, and {_LEAST} are needed")
    why = _broken(record, due, span)
    if not why:
        return Tried(rate_rps, long, "held")
    if spoilt := broken(record, span, besides):
        return Tried(rate_rps, long, "invalid", f"{spoilt}, while {why}")
    unsaid = unknown(record, span)
    return Tried(rate_rps, long, "broke", f"{why} (not known of the generator: {unsaid})" if unsaid else why)


def _without(record: TrialRecord, rate_rps: float, long: bool) -> Tried:
    ended = record.ended
    why = ended.why if ended is not None and ended.why else "the trial did not run to its end"
    return Tried(rate_rps, long, "invalid", why)


def _broken(record: TrialRecord, due: Rows, span: Span) -> str:
    """The first objective that was missed; empty where all were met."""
    slo = record.trial.slo
    done = float(np.count_nonzero(in_group(due, ANSWERED))) / len(due)
    if done < DONE_SHARE:
        return f"{done:.1%} of the arrivals were answered (at least {DONE_SHARE:.0%})"
    errors = float(np.count_nonzero(due["code"] != Outcome.OK)) / len(due)
    if errors > max(slo.error_rate, 1.5 / len(due)):  # one in a short trial is no rate
        return f"{errors:.2%} of the arrivals failed (at most {slo.error_rate:.2%})"
    over = over_limit(due, int(slo.p99_ms * 1e6))
    if over.value > OVER_SHARE:
        return f"{over.value:.1%} of the arrivals took longer than {slo.p99_ms:g} ms (at most {OVER_SHARE:.0%})"
    middle_ns = (span.start_ns + span.end_ns) // 2
    early = due["intended"] < middle_ns
    first, second = (quantiles(response_ns(half)) for half in (due[early], due[~early]))
    if first and second:
        first_ms, second_ms = first.p50_ns / 1e6, second.p50_ns / 1e6
        if second_ms > max(first_ms * GROWTH, first_ms + GROWTH_MS):
            return f"the median grew from {first_ms:.1f} to {second_ms:.1f} ms within the trial: a backlog"
    return ""
