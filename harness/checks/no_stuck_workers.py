"""No worker is stuck: each answers liveness over its own connection, and none had to be killed by its supervisor.

A worker with a blocked event loop takes its share of keep-alive clients with it, while fresh probes go to its siblings
and stay green (T29). Only a probe over a connection that this worker holds shows it. The 3 s are below half of
gunicorn's usual timeouts and far above a loop's pause in a healthy service. A kept connection that ends is not a stuck
worker (T28). The worker that a fault was aimed at is asked once its supervisor had its time: its own timeout + 2 s
after the lift.

Finds F01 (blocked event loop), F02 (killed below the timeout), F03 (blocked loop that nobody notices), F04
(interpreter's lock held), F23 (recycling makes the timeout a limit) and F59 (slow dependency takes everything).
"""

import re

from harness.model.observation import LogNoted, ProbeAnswered, StackTaken, WorkersSeen
from harness.model.record import Span, TrialRecord
from harness.model.target import Limits
from harness.model.verdict import Verdict

from .check import FAULT_PROVEN, MACHINE_FIT, STARTS, Check, failed, inconclusive, passed
from .facts.machine import excused, for_the_rig, unfit_spans
from .facts.recovery import bite
from .facts.settings import call_s, patient_supervisor, told
from .facts.troubles import hurts, service_span, targets, troubles

NAME = "no-stuck-workers"
_PID = re.compile(r"pid\W{0,2}(\d+)")
_SETTLED_NS = 3_000_000_000  # a worker that lived shorter may not have been pinned yet
_SUPERVISOR_SLACK_NS = 2_000_000_000
_STACK_CHARS = 6000
_LEAST = 3
"""So many answers after the fault began; one or two are of the moment before a server ends with its worker."""


def judge(record: TrialRecord, limits: Limits) -> Verdict:
    span = service_span(record)
    probes = record.probes("live", "pinned", span) if span else ()
    if span is None or not probes:
        why = f"None of {record.trial.workers} workers was probed over a connection of its own."
        return inconclusive(NAME, why, limits={"stuck_s": limits.stuck_s})
    unseen = _unprobed(record, span, {seen.pid for seen in probes})
    held = [(seen, _held_s(record, seen, span)) for seen in probes]
    stuck = sorted((pair for pair in held if pair[1] > limits.stuck_s), key=lambda pair: pair[0].sent_ns)
    killed = _killed(record, span)
    longest_s = max(seconds for _, seconds in held)
    evidence: dict[str, object] = {
        "workers": len({seen.pid for seen in probes}),
        "probes": len(probes),
        "longest_s": longest_s,
        "supervisor_kills": [note.text for note in killed][:5],
    }
    if not stuck and not killed:
        return _calm(record, limits, probes, unseen, evidence, longest_s)
    verdict = failed(
        NAME,
        _tell(stuck, killed, limits, len(probes)),
        evidence=evidence | _evidence(record, stuck),
        advice=_advice(record, stuck=bool(stuck)),
        limits={"stuck_s": limits.stuck_s},
    )
    unfit = unfit_spans(record, limits)
    moments = [(seen.sent_ns, seen.done_ns) for seen, _ in stuck] + [(note.sent_ns, note.done_ns) for note in killed]
    if all(excused(unfit, sent, done) for sent, done in moments):
        return for_the_rig(record, limits, verdict, Span(*moments[0]))
    return verdict


def _advice(record: TrialRecord, *, stuck: bool) -> str:
    patient = patient_supervisor(record.trial)
    if patient and not stuck:
        if any(use.name == "recycle" for use in record.trial.scenario.faults):
            return patient  # a recycled worker is killed for its requests' length, however free its loop is
        return f"{patient} And move what blocks out of the event loop (asyncio.to_thread, an async client)."
    return (
        "Move what blocks out of the event loop (asyncio.to_thread, a process, an async client) and give it a timeout"
        f" of {told(call_s(record.trial))} (requests: timeout=, a lock: acquire(timeout=)), three tenths of"
        " slo.deadline_s, so that its request can still be answered."
    )


def _calm(
    record: TrialRecord,
    limits: Limits,
    probes: tuple[ProbeAnswered, ...],
    unseen: list[int],
    evidence: dict[str, object],
    longest_s: float,
) -> Verdict:
    """Nothing was stuck; was enough seen to say so?"""
    if unseen:
        pids = ", ".join(str(pid) for pid in unseen)
        why = f"Worker {pids} was never probed over a connection of its own, so it may have been stuck."
        return inconclusive(NAME, why, evidence=evidence, limits={"stuck_s": limits.stuck_s})
    hurt = bite(record)
    after = sum(seen.done_ns >= hurt.start_ns for seen in probes) if hurt else 0
    if hurt and not hurts(record.trial, "server") and after < _LEAST:
        why = f"Of {len(probes)} pinned liveness probes {after} came after the fault began; {_LEAST} are needed."
        return inconclusive(NAME, why, evidence=evidence, limits={"stuck_s": limits.stuck_s})
    why = (
        f"{evidence['workers']} workers answered {len(probes)} liveness probes over their own connections, the slowest"
        f" after {longest_s:.2f} s (limit {limits.stuck_s:g} s)."
    )
    return passed(NAME, why, evidence=evidence, limits={"stuck_s": limits.stuck_s})


def _held_s(record: TrialRecord, probe: ProbeAnswered, span: Span) -> float:
    """For how long the worker left a probe unanswered that counts: before SIGTERM, and not while it was hurt."""
    end_ns = min(probe.done_ns, span.end_ns)
    whole_s = (end_ns - probe.sent_ns) / 1e9
    for trouble in troubles(record):
        if trouble.what != "worker" or trouble.pid != probe.pid or probe.done_ns < trouble.applied.sent_ns:
            continue
        timeout_ns = int((record.trial.server_settings.stuck_timeout_s or 0.0) * 1e9)
        over_ns = (trouble.lifted or trouble.applied).done_ns + timeout_ns + _SUPERVISOR_SLACK_NS
        return whole_s if end_ns > over_ns else 0.0
    return whole_s


def _killed(record: TrialRecord, span: Span) -> list[LogNoted]:
    """Workers that their supervisor had to kill, the fault's own target aside."""
    hurt = targets(record)
    found: list[LogNoted] = []
    for note in record.of(LogNoted):
        if note.what != "worker-timeout" or not span.start_ns <= note.done_ns <= span.end_ns:
            continue
        pid = _PID.search(note.text)
        if (int(pid.group(1)) in hurt) if pid else bool(hurt):
            continue
        found.append(note)
    return found


def _unprobed(record: TrialRecord, span: Span, probed: set[int]) -> list[int]:
    """Workers that lived long enough to be pinned and never were."""
    lives: dict[int, Span] = {}
    for workers in record.of(WorkersSeen):
        if span.start_ns <= workers.done_ns <= span.end_ns:
            for pid in workers.pids:
                start = lives[pid].start_ns if pid in lives else workers.done_ns
                lives[pid] = Span(start, workers.done_ns)
    hurt = targets(record)
    return sorted(
        pid
        for pid, life in lives.items()
        if pid not in probed and pid not in hurt and life.end_ns - life.start_ns > _SETTLED_NS
    )


def _tell(stuck: list[tuple[ProbeAnswered, float]], killed: list[LogNoted], limits: Limits, n: int) -> str:
    parts: list[str] = []
    for pid in sorted({seen.pid for seen, _ in stuck}):
        mine = [(seen, seconds) for seen, seconds in stuck if seen.pid == pid]
        worst, seconds = max(mine, key=lambda pair: pair[1])
        parts.append(
            f"worker {pid} left a probe without an answer for {seconds:.1f} s from {worst.sent_ns / 1e9:.1f} s on"
        )
    if killed:
        parts.append(f"the supervisor had to kill {len(killed)} workers")
    sentence = "; ".join(parts)
    return f"{sentence[0].upper()}{sentence[1:]} (limit {limits.stuck_s:g} s, {n} probes over kept connections)."


def _evidence(record: TrialRecord, stuck: list[tuple[ProbeAnswered, float]]) -> dict[str, object]:
    """The longest silence of each worker, with the stack that was taken in it."""
    found: dict[int, dict[str, object]] = {}
    for seen, seconds in sorted(stuck, key=lambda pair: -pair[1]):
        if seen.pid in found:
            continue
        taken = [s for s in record.of(StackTaken) if s.pid == seen.pid and seen.sent_ns <= s.sent_ns <= seen.done_ns]
        found[seen.pid] = {
            "pid": seen.pid,
            "from_s": seen.sent_ns / 1e9,
            "for_s": seconds,
            "ended": seen.outcome,
            "stack": taken[0].text[:_STACK_CHARS] if taken else "",
        }
    return {"stuck": [found[pid] for pid in sorted(found)]}


CHECK = Check(
    NAME,
    "Is any worker stuck?",
    judge,
    premises=(STARTS, MACHINE_FIT, FAULT_PROVEN),
    finds=("F01", "F02", "F03", "F04", "F23", "F59"),
)
