"""Did the service hold its objectives at one rate? What a capacity search asks of each trial.

Held: nearly all that was due was answered as expected, within the SLO, and the second half was no slower than the
first, for a backlog that grows makes latency a function of the length of the trial. A trial that broke while the
generator was at its own limit, or while others used the machine, says nothing about the service.
"""

from __future__ import annotations

import numpy as np

from harness.model.observation import LoadSummed, MachineSampled
from harness.model.record import Span, TrialRecord
from harness.model.rows import ANSWERED, Outcome, Rows, in_group
from harness.model.samples import over_limit, quantiles, response_ns
from harness.tuning.capacity import Tried
from harness.tuning.gates import broken

LONG_NAME = "rate-long"
"""The scenario whose trials are long, as the plan names it."""
DONE_SHARE = 0.98
OVER_SHARE = 0.01
GROWTH = 1.5
GROWTH_MS = 5.0
GENERATOR_CPU = 0.8
LATE_SHARE = 0.001
FOREIGN_CPU = 0.25
_LEAST = 30


def holds(record: TrialRecord) -> Tried:
    """Of the baseline of a trial without faults."""
    rate, long = record.trial.rate_rps, record.trial.scenario.name == LONG_NAME
    span = record.phase("baseline")
    rows = record.samples
    due = rows[(rows["intended"] >= span.start_ns) & (rows["intended"] < span.end_ns)] if span else rows[:0]
    if span is None or not record.whole:
        return _without(record, rate, long)
    if len(due) < _LEAST:
        return Tried(rate, long, "invalid", f"only {len(due)} arrivals were due, and {_LEAST} are needed")
    why = _broken(record, due, span)
    if not why:
        return Tried(rate, long, "held")
    spoilt = _spoilt(record, due, span)
    if spoilt:
        return Tried(rate, long, "invalid", f"{spoilt}, while {why}")
    strained = broken(record, span)
    told = f"{why} (the generator was not wholly in order: {strained})" if strained else why
    return Tried(rate, long, "broke", told)


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


def _spoilt(record: TrialRecord, due: Rows, span: Span) -> str:
    """What but the service can have broken it; empty where there is nothing else."""
    sums = [seen for seen in record.of(LoadSummed) if span.start_ns <= seen.sent_ns < span.end_ns]
    if len(sums) >= 2:
        cpu = (sums[-1].cpu_s - sums[0].cpu_s) / ((sums[-1].sent_ns - sums[0].sent_ns) / 1e9)
        if cpu > GENERATOR_CPU:
            return f"the load generator used {cpu:.0%} of a CPU"
    late = float(np.count_nonzero(due["code"] == Outcome.NOT_SENT_LATE)) / len(due)
    if late > LATE_SHARE:
        return f"the load generator was late for {late:.1%} of the arrivals"
    samples = [seen for seen in record.of(MachineSampled) if span.start_ns <= seen.sent_ns < span.end_ns]
    foreign = [seen.foreign_cpu_share for seen in samples if seen.foreign_cpu_share >= 0]
    if foreign and sum(foreign) / len(foreign) > FOREIGN_CPU:
        return f"other programs used {sum(foreign) / len(foreign):.0%} of the CPUs"
    return ""
