"""Liveness stays green whatever happens to the parts: the orchestrator must not restart what only waits.

A liveness probe that asks the database turns a short outage into a restart of every worker. The orchestrator acts after
`failure_threshold` failed probes in a row, so that is the limit (3, as in Kubernetes); single misses are told. A fault
of the worker or the server itself may fail liveness: there the check does not apply. Ingress faults do not matter, for
probes bypass it.

Finds F40 (liveness asks the database) and F53 (idle connections fill the limit).
"""

from harness.model.observation import ProbeAnswered
from harness.model.record import Span, TrialRecord
from harness.model.target import Limits
from harness.model.verdict import Verdict

from .check import FAULT_PROVEN, MACHINE_FIT, STARTS, Check, failed, inconclusive, passed
from .facts.machine import excused, for_the_rig, unfit_spans
from .facts.probes import fresh, says
from .facts.recovery import bite
from .facts.troubles import hurts, service_span

NAME = "liveness-holds"
_MIN_PROBES = 5


def applies(record: TrialRecord) -> str | None:
    if hurts(record.trial, "worker", "server"):
        return "the fault is the worker's or the server's own, which may fail liveness"
    return None


def judge(record: TrialRecord, limits: Limits) -> Verdict:
    spec, span, hurt = record.trial.live_probe, service_span(record), bite(record)
    probes = fresh(record, "live", span).probes if span else ()
    if len(probes) < _MIN_PROBES:
        return inconclusive(NAME, f"Only {len(probes)} liveness probes were sent; {_MIN_PROBES} are needed.")
    if hurt and not any(hurt.touches(seen.sent_ns, seen.done_ns) for seen in probes):
        return inconclusive(NAME, f"None of {len(probes)} liveness probes fell into the fault.")
    unfit = unfit_spans(record, limits)
    down = [seen for seen in probes if says(seen, spec) is False]
    plain = _longest(probes, set(), record)
    sure = _longest(probes, {id(seen) for seen in down if excused(unfit, seen.sent_ns, seen.done_ns)}, record)
    worst = sure if len(sure) >= spec.failure_threshold else plain
    evidence: dict[str, object] = {"probes": len(probes), "failed": len(down), "in_a_row": len(worst)}
    bound = {"failure_threshold": float(spec.failure_threshold)}
    if len(worst) < spec.failure_threshold:
        why = (
            f"{len(down)} of {len(probes)} liveness probes failed, at most {len(worst)} in a row"
            f" (limit {spec.failure_threshold})."
        )
        return passed(NAME, why, evidence=evidence, limits=bound)
    first = worst[0]
    evidence |= {"from_s": first.sent_ns / 1e9, "outcome": first.outcome, "status": first.status}
    verdict = failed(
        NAME,
        f"{len(worst)} liveness probes in a row failed from {first.sent_ns / 1e9:.1f} s on (limit"
        f" {spec.failure_threshold}, {len(down)} of {len(probes)} in all): an orchestrator would have restarted it.",
        evidence=evidence,
        advice=f"Answer {record.trial.live} from an `async def` without any I/O, within probes.live.timeout_s"
        f" ({spec.timeout_s:g} s), and leave the parts to {record.trial.ready}: a restart mends none of them. A"
        " limit_concurrency has to be above the connections that clients keep open, for idle ones count too.",
        limits=bound,
    )
    if len(sure) >= spec.failure_threshold:
        return verdict
    return for_the_rig(record, limits, verdict, Span(first.sent_ns, worst[-1].done_ns))


def _longest(probes: tuple[ProbeAnswered, ...], skip: set[int], record: TrialRecord) -> list[ProbeAnswered]:
    """The longest run of failed probes; those to skip are neither good nor bad."""
    best: list[ProbeAnswered] = []
    run: list[ProbeAnswered] = []
    for seen in probes:
        said = says(seen, record.trial.live_probe)
        if said is None or id(seen) in skip:
            continue
        run = [] if said else [*run, seen]
        best = run if len(run) > len(best) else best
    return best


CHECK = Check(
    NAME,
    "Does liveness hold through trouble of the parts?",
    judge,
    applies,
    (STARTS, MACHINE_FIT, FAULT_PROVEN),
    finds=("F40", "F53"),
)
