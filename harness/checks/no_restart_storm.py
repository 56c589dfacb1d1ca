"""No worker is replaced that nobody hurt.

A service whose workers die or are killed one after another answers between two deaths, so probes and budgets may stay
green while whoever was in hand is cut off each time. Each worker is known by its pid, and pids are listed four times a
second: a pid that was not there when the service was up is a replacement. Explained are one for each fault of a worker,
all of them for a reload, one for a change of their number, and those of a declared recycling: a worker that serves
`max_requests` and leaves. Below 1,000 requests the recycling itself is the storm, for each one cuts connections: with
300 it was 24 of 4,400 requests. Everything else has no reason, so the limit is zero. A worker that comes and goes
between two looks is not seen.

Finds F02 (killed below the timeout), F06 (busy worker taken for dead), F07 (killed worker) and F22 (recycled after few
requests).
"""

from harness.model.fault_traits import has_trait
from harness.model.observation import InFlightEnded, LogNoted, ProbeAnswered, WorkersSeen
from harness.model.record import Span, TrialRecord
from harness.model.target import Limits
from harness.model.verdict import Verdict

from .check import FAULT_PROVEN, MACHINE_FIT, STARTS, Check, failed, inconclusive, passed
from .facts.machine import unless_unfit
from .facts.settings import patient_supervisor
from .facts.troubles import first_bite_ns, hurts, service_span, troubles

NAME = "no-restart-storm"
_MIN_LOOKS = 20  # 5 s of looking
_LEAST_RECYCLING = 1000
_RELOADS = ("sighup",)
_SCALES = ("scale-up", "scale-down")


def applies(record: TrialRecord) -> str | None:
    for use in record.trial.scenario.faults:
        if has_trait(use.id, "returns"):
            return f"{use.id} itself starts and ends workers"
    return None


def judge(record: TrialRecord, limits: Limits) -> Verdict:
    span = service_span(record)
    looks = [seen for seen in record.of(WorkersSeen) if span and span.start_ns <= seen.done_ns <= span.end_ns]
    if len(looks) < _MIN_LOOKS:
        return inconclusive(NAME, f"The workers were listed {len(looks)} times; {_MIN_LOOKS} are needed.")
    bitten = first_bite_ns(record)
    if bitten is not None and not hurts(record.trial, "server") and looks[-1].done_ns < bitten:
        return inconclusive(NAME, f"The workers were listed {len(looks)} times, but never after the fault began.")
    found = _replacements(looks)
    faults, recycled = _by_faults(record), _by_recycling(record)
    explained = faults + recycled
    span_s = (looks[-1].done_ns - looks[0].done_ns) / 1e9
    evidence: dict[str, object] = {
        "replaced": len(found),
        "explained_by_faults": faults,
        "explained_by_recycling": recycled,
        "max_requests": record.trial.server_settings.max_requests,
        "moments": [f"worker {pid} at {moment / 1e9:.2f} s" for pid, moment in found[:20]],
        "log": [note.text for note in record.of(LogNoted) if note.done_ns >= looks[0].done_ns][:5],
    }
    bound = {"unexplained": 0.0}
    if len(found) <= explained:
        why = (
            f"{len(found)} workers were replaced in {span_s:.0f} s, {explained} at most are explained by faults and"
            f" recycling ({len(looks)} looks)."
        )
        return passed(NAME, why, evidence=evidence, limits=bound)
    verdict = failed(
        NAME,
        f"{len(found)} workers were replaced in {span_s:.0f} s, and faults and recycling explain {explained} of them"
        f" (limit 0 without a reason; {record.trial.workers} workers, {len(looks)} looks).",
        evidence=evidence,
        advice=_advice(record),
        limits=bound,
    )
    surplus = [Span(moment, moment) for _, moment in found[explained:]]
    return unless_unfit(record, limits, verdict, surplus)


def _replacements(looks: list[WorkersSeen]) -> list[tuple[int, int]]:
    """Workers that were not there at the first look, with the moment when they were first seen."""
    known, found = set(looks[0].pids), []
    for seen in looks[1:]:
        for pid in seen.pids:
            if pid not in known:
                known.add(pid)
                found.append((pid, seen.done_ns))
    return found


def _by_faults(record: TrialRecord) -> int:
    """One for each worker that was hurt, all of them for each reload, and one that a change of their number adds."""
    done = troubles(record)
    reloads = sum(trouble.what == "server" and trouble.name in _RELOADS for trouble in done)
    single = sum(t.what == "worker" or (t.what == "server" and t.name in _SCALES) for t in done)
    return single + reloads * record.trial.workers


def _by_recycling(record: TrialRecord) -> int:
    """So often all workers together can have reached the declared number of requests."""
    declared = record.trial.server_settings.max_requests
    if declared < _LEAST_RECYCLING:
        return 0
    served = int((record.samples["sent"] >= 0).sum()) + len(record.of(ProbeAnswered)) + len(record.of(InFlightEnded))
    asked = sum(int(t.lifted.evidence.get("asked", 0)) for t in troubles(record) if t.name == "recycle" and t.lifted)
    return (served + asked) // declared


def _advice(record: TrialRecord) -> str:
    declared = record.trial.server_settings.max_requests
    if 0 < declared < _LEAST_RECYCLING:
        return (
            f"max_requests is {declared}: leave it out, or set 10,000 with max_requests_jitter = 2,000, for each worker"
            " that leaves cuts connections, and without a jitter all leave at once."
        )
    return (
        "Read why they ended in the server's log: a crash, an exit of the app's own, the memory limit, or a supervisor"
        f" that took a busy worker for dead. {patient_supervisor(record.trial)}".rstrip()
    )


CHECK = Check(
    NAME,
    "Are workers replaced without a reason?",
    judge,
    applies,
    premises=(STARTS, MACHINE_FIT, FAULT_PROVEN),
    finds=("F02", "F06", "F07", "F22"),
)
