"""After the trouble the service comes back by itself, on every worker, and in time.

A pool whose connections are dead and never replaced, a verdict that is never asked again, a worker that is never
replaced: users notice when the outage is long over. Recovery of a good pool took 0.02 to 0.8 s (asyncpg 0.32, after
20 s of dropped packets), with the kernel's retransmissions alone 6.7 s, so 5 s tells one from the other. After a
worker's fault the time runs from what its supervisor needs: its own timeout + 2 s for a silent worker, 2 s for a dead
one.

Finds F05 (frozen worker), F08 (one death ends all), F10 (kept connections stay with old workers), F12 (boot needs the
database), F13 (worker dies while the database is down), F39 (readiness falls with a busy pool), F41 (too many
connections), F45 (connection or transaction not given back), F50 (failover to a read-only database), F52 (pool dead
after an outage) and F60 (retry storm).
"""

from harness.model.record import Span, TrialRecord
from harness.model.target import Limits
from harness.model.verdict import Verdict

from .check import FAULT_PROVEN, LOAD_PROVEN, MACHINE_FIT, STARTS, Check, failed, inconclusive, passed
from .facts.machine import for_the_rig, unfit_spans
from .facts.recovery import SECOND, WINDOWS, Recovery, recovery
from .facts.settings import bounds, ended_by_itself, watchful_supervisor
from .facts.troubles import ends_for_good, hurts

NAME = "recovers"


def applies(record: TrialRecord) -> str | None:
    if not record.trial.scenario.faults:
        return "nothing was broken"
    if ends_for_good(record.trial):
        return "the server itself was ended, and nothing was to come back"
    return None


def judge(record: TrialRecord, limits: Limits) -> Verdict:
    seen = recovery(record, limits)
    if seen is None:
        return inconclusive(NAME, "The record does not say that the fault was lifted.")
    due_s = (seen.due_ns - seen.lift_ns) / 1e9
    watched_s = (seen.watched_ns - seen.lift_ns) / 1e9
    evidence: dict[str, object] = {
        "ready_after_s": _after(seen, seen.ready_ns),
        "requests_after_s": _after(seen, seen.requests_ns),
        "worker_after_s": _after(seen, seen.worker_ns),
        "late": list(seen.late_streams),
        "watched_s": watched_s,
    }
    if seen.in_time and not seen.silent:
        why = (
            f"Readiness was up {_text(seen, seen.ready_ns)} and requests were good {_text(seen, seen.requests_ns)}"
            f" after the lift, on each worker (limit {due_s:.3g} s, {WINDOWS} windows of 1 s)."
        )
        return passed(NAME, why, evidence=evidence, limits={"recover_s": due_s})
    if seen.in_time:
        pids = ", ".join(str(pid) for pid in seen.silent)
        why = f"Worker {pids} was not asked over a connection of its own after the lift, so it may not be back."
        return inconclusive(NAME, why, evidence=evidence, limits={"recover_s": due_s})
    if seen.unwatched:
        why = f"Nothing shows whether the service came back: {', '.join(seen.unwatched)} after the lift."
        return inconclusive(NAME, why, evidence=evidence, limits={"recover_s": due_s})
    if not seen.was_late and seen.watched_ns < max(seen.due_ns, seen.worker_due_ns) + WINDOWS * SECOND:
        why = f"The service was watched for {watched_s:.1f} s after the lift, too short for a limit of {due_s:g} s."
        return inconclusive(NAME, why, evidence=evidence, limits={"recover_s": due_s})
    verdict = failed(
        NAME,
        f"The service was not back {due_s:g} s after the lift: {_missing(seen)} (watched for {watched_s:.1f} s).",
        evidence=evidence,
        advice=ended_by_itself(record) or _advice(record, seen),
        limits={"recover_s": due_s},
    )
    forgiven = recovery(record, limits, unfit_spans(record, limits))
    if forgiven is not None and forgiven.in_time:
        return for_the_rig(record, limits, verdict, Span(seen.lift_ns, seen.due_ns))
    return verdict


def _after(seen: Recovery, moment_ns: int | None) -> float | None:
    return None if moment_ns is None else max(0.0, (moment_ns - seen.lift_ns) / 1e9)


def _text(seen: Recovery, moment_ns: int | None) -> str:
    after_s = _after(seen, moment_ns)
    return "never" if after_s is None else f"{after_s:.1f} s"


def _missing(seen: Recovery) -> str:
    parts: list[str] = []
    if seen.ready_late:
        parts.append(f"readiness up {_text(seen, seen.ready_ns)} ({', '.join(seen.late_streams) or 'no answers'})")
    if seen.requests_late:
        parts.append(f"three good seconds of requests {_text(seen, seen.requests_ns)}")
    if seen.worker_late:
        due_s = (seen.worker_due_ns - seen.lift_ns) / 1e9
        due = f"{due_s:.1f} s" if due_s >= 0 else f"{-due_s:.1f} s before it"
        parts.append(f"the hurt worker made good {_text(seen, seen.worker_ns)} (limit {due})")
    return ", ".join(parts)


def _advice(record: TrialRecord, seen: Recovery) -> str:
    if hurts(record.trial, "worker") and seen.worker_late:
        return watchful_supervisor(record.trial)
    return (
        f"Bound connecting, acquiring and each command: {bounds(record.trial)}. And let the pool replace connections"
        " that broke (asyncpg >= 0.32). After 20 s of lost packets a pool bounded like that was back in 0.8 s, one"
        " without in 6.7 s."
    )


CHECK = Check(
    NAME,
    "Does the service come back by itself, and in time?",
    judge,
    applies,
    (STARTS, MACHINE_FIT, LOAD_PROVEN, FAULT_PROVEN),
    finds=("F05", "F08", "F10", "F12", "F13", "F39", "F41", "F45", "F50", "F52", "F60"),
)
