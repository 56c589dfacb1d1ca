"""No readiness probe is left without an answer.

An orchestrator that waits for a hanging probe removes nothing from its load balancer, and the probes pile up on the
pool: a probe over the pool hangs for as long as its idle connections are dead. One silent probe is enough: a percentile
would hide the defect that only the first few probes meet. The slack of 0.5 s over the probe's own timeout is for a
probe that gives its answer at the very end of its time. What a hurt worker had in hand is left out.

Finds F35 (readiness hangs with the database) and F37 (timeout costs twice).
"""

from harness.model.record import Span, TrialRecord
from harness.model.target import Limits
from harness.model.verdict import Verdict

from .check import FAULT_PROVEN, MACHINE_FIT, STARTS, Check, failed, inconclusive, passed
from .facts.machine import excused, for_the_rig, unfit_spans
from .facts.probes import was_on_hurt_worker
from .facts.recovery import bite
from .facts.troubles import ends_for_good, service_span, troubles, uses_on_parts

NAME = "readiness-bounded"
_MIN_PROBES = 5


def judge(record: TrialRecord, limits: Limits) -> Verdict:
    span, found, hurt = service_span(record), troubles(record), bite(record)
    probes = [s for s in record.probes("ready", None, span) if not was_on_hurt_worker(s, found)] if span else []
    if span is None or len(probes) < _MIN_PROBES:
        return inconclusive(NAME, f"Only {len(probes)} readiness probes were sent; {_MIN_PROBES} are needed.")
    if hurt and uses_on_parts(record.trial) and not ends_for_good(record.trial):
        inside = sum(seen.via == "fresh" and hurt.touches(seen.sent_ns, seen.done_ns) for seen in probes)
        if inside < 2:
            return inconclusive(NAME, f"Only {inside} fresh readiness probes fell into the fault; 2 are needed.")
    limit_s = record.trial.ready_probe.timeout_s + limits.answer_slack_s

    def waited_s(sent_ns: int, done_ns: int) -> float:
        """What SIGTERM ends is the shutdown's."""
        return (min(done_ns, span.end_ns) - sent_ns) / 1e9

    silent = [seen for seen in probes if waited_s(seen.sent_ns, seen.done_ns) > limit_s]
    slowest = max(probes, key=lambda seen: waited_s(seen.sent_ns, seen.done_ns))
    slowest_s = waited_s(slowest.sent_ns, slowest.done_ns)
    evidence: dict[str, object] = {
        "probes": len(probes),
        "silent": len(silent),
        "slowest_s": slowest_s,
        "slowest_at_s": slowest.sent_ns / 1e9,
        "slowest_on": "fresh connection" if slowest.via == "fresh" else f"worker {slowest.pid}",
    }
    if not silent:
        why = f"All {len(probes)} readiness probes were answered within {limit_s:g} s (the slowest {slowest_s:.2f} s)."
        return passed(NAME, why, evidence=evidence, limits={"answered_within_s": limit_s})
    patience_s = record.trial.ready_probe.timeout_s
    verdict = failed(
        NAME,
        f"{len(silent)} of {len(probes)} readiness probes had no answer within {limit_s:g} s; the slowest waited"
        f" {slowest_s:.1f} s.",
        evidence=evidence,
        advice="Answer from a cached verdict; probe the database from a task of its own, with a timeout that"
        f" also covers the release of the connection, below the {patience_s:g} s that a probe waits.",
        limits={"answered_within_s": limit_s},
    )
    unfit = unfit_spans(record, limits)
    if all(excused(unfit, seen.sent_ns, seen.done_ns) for seen in silent):
        return for_the_rig(record, limits, verdict, Span(silent[0].sent_ns, silent[0].done_ns))
    return verdict


CHECK = Check(
    NAME,
    "Is every readiness probe answered?",
    judge,
    premises=(STARTS, MACHINE_FIT, FAULT_PROVEN),
    finds=("F35", "F37"),
)
