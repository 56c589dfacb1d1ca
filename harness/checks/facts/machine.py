"""Where the machine was not fit to judge: stretches in which the harness itself, or a trivial server of ours, was late.

At load average 4 to 5 on two cores healthy services broke a bound in 6 of 16 trials (T34). A machine that
is late can make a healthy service look bad, never a bad one look healthy. So a late machine does not spoil what passes,
and a failure counts unless all that shows it lies within such a stretch. A long failure with a short hiccup in it
stays a failure: the hiccup does not explain it. A machine whose CPUs others use is such a stretch too, although our own
small tasks still get their turn: a worker that boots beside a burnt core made 7 of 93 requests of a healthy one late.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from harness.model.observation import MachineSampled
from harness.model.record import Span, TrialRecord
from harness.model.target import Limits
from harness.model.verdict import Verdict

_AROUND_NS = 1_500_000_000  # what waited for the machine shows it up to this much later
_GAP_NS = 1_500_000_000  # samples come at 4 Hz: a gap like this is the harness standing still


def late(sample: MachineSampled, limits: Limits) -> str:
    """Why the machine was not fit during this sample; empty when it was.

    Pressure on the CPUs alone is what a busy service makes itself. It counts where the harness or the control server
    has lost half of what they may lose.
    """
    if sample.control_ms < 0:
        return "a trivial server beside the app gave no answer within 1 s"
    if sample.loop_lag_ms > limits.loop_lag_ms:
        return f"the harness itself was {sample.loop_lag_ms:.0f} ms late (limit {limits.loop_lag_ms:g} ms)"
    if sample.control_ms > limits.control_ms:
        return f"a trivial server beside the app took {sample.control_ms:.0f} ms (limit {limits.control_ms:g} ms)"
    if sample.steal_share > limits.steal_share:
        return f"{sample.steal_share:.0%} of the CPU time was stolen (limit {limits.steal_share:.0%})"
    strained = sample.loop_lag_ms > limits.loop_lag_ms / 2 or sample.control_ms > limits.control_ms / 2
    if strained and sample.cpu_pressure_share > limits.cpu_pressure_share:
        return f"tasks waited for a CPU {sample.cpu_pressure_share:.0%} of the time, the harness among them"
    return ""


def crowded(sample: MachineSampled, limits: Limits) -> str:
    """Who else used the CPUs while tasks waited for one; empty when nobody did.

    What the run itself uses is the service's own doing and does not count.
    """
    if sample.foreign_cpu_share > limits.foreign_cpu_share and sample.cpu_pressure_share > limits.cpu_pressure_share:
        return (
            f"other programs used {sample.foreign_cpu_share:.0%} of the CPUs while tasks waited for one"
            f" {sample.cpu_pressure_share:.0%} of the time"
        )
    return ""


def unfit_spans(record: TrialRecord, limits: Limits) -> tuple[Span, ...]:
    """Merged, in order, each widened by 1.5 s to both sides."""
    spans: list[Span] = []
    before: MachineSampled | None = None
    for sample in record.of(MachineSampled):
        start = sample.sent_ns if before is None else min(sample.sent_ns, before.done_ns)
        gap = before is not None and sample.done_ns - before.done_ns > _GAP_NS
        if gap or late(sample, limits) or crowded(sample, limits):
            _widen(spans, Span(start - _AROUND_NS, sample.done_ns + _AROUND_NS))
        before = sample
    return tuple(spans)


def _widen(spans: list[Span], new: Span) -> None:
    if spans and new.start_ns <= spans[-1].end_ns:
        new = Span(min(spans[-1].start_ns, new.start_ns), max(spans[-1].end_ns, new.end_ns))
        spans.pop()
    spans.append(new)


def excused(unfit: Sequence[Span], sent_ns: int, done_ns: int) -> bool:
    """Does it lie wholly in a stretch in which the machine was not fit?"""
    return any(span.holds(sent_ns, done_ns) for span in unfit)


def unless_unfit(record: TrialRecord, limits: Limits, verdict: Verdict, evidence: Sequence[Span]) -> Verdict:
    """The failure, or its inconclusive twin where all that shows it lies where the machine was not fit."""
    unfit = unfit_spans(record, limits)
    if not evidence or not all(excused(unfit, span.start_ns, span.end_ns) for span in evidence):
        return verdict
    return for_the_rig(record, limits, verdict, evidence[0])


def for_the_rig(record: TrialRecord, limits: Limits, verdict: Verdict, near: Span) -> Verdict:
    """The same finding, but the machine may be why."""
    why = f"{verdict.why} But the machine was not fit at that moment: {why_unfit(record, limits, near)}."
    return replace(verdict, verdict="inconclusive", why=why, attributed_to="rig", advice="Repeat on a quieter machine.")


def why_unfit(record: TrialRecord, limits: Limits, near: Span) -> str:
    """The reason that lies nearest to a stretch."""
    samples = [seen for seen in record.of(MachineSampled) if late(seen, limits) or crowded(seen, limits)]
    if not samples:
        return "its samples have a gap, for the harness itself stood still"
    nearest = min(samples, key=lambda seen: max(near.start_ns - seen.done_ns, seen.sent_ns - near.end_ns, 0))
    return late(nearest, limits) or crowded(nearest, limits)
