"""A reload with code that cannot start leaves the old workers at work.

A supervisor that ends them first, or ends itself because the new ones fail, turns a wrong deployment into an outage
that lasts until somebody mends the code. The service has to be the same server, and its liveness must not fail
`failure_threshold` times in a row (3, as in Kubernetes, which would restart it then), over fresh connections, from the
reload to the lift.

Finds F29 (reload with broken code).
"""

from harness.model.observation import ProbeAnswered
from harness.model.record import Span, TrialRecord
from harness.model.target import Limits
from harness.model.verdict import Verdict

from .check import FAULT_PROVEN, MACHINE_FIT, STARTS, Check, failed, inconclusive, passed
from .facts.machine import unless_unfit
from .facts.probes import fresh, says
from .facts.troubles import troubles

NAME = "survives-bad-reload"
_FAULT = "server.reload-broken"
_MIN_PROBES = 3
_ADVICE = (
    "Check the code before the signal (gunicorn --check-config, a start beside it), or replace whole servers and leave"
    " the old one until the new one is ready."
)


def applies(record: TrialRecord) -> str | None:
    if any(use.id == _FAULT for use in record.trial.scenario.faults):
        return None
    return "no reload was broken"


def judge(record: TrialRecord, limits: Limits) -> Verdict:
    found = next((trouble for trouble in troubles(record) if trouble.id == _FAULT), None)
    if found is None or found.lifted is None or "ended" not in found.lifted.evidence:
        return inconclusive(NAME, "The record does not say what became of the server.")
    span = Span(found.applied.sent_ns, found.lifted.sent_ns)
    probes = fresh(record, "live", span).probes
    silent = _longest(probes, record)
    evidence: dict[str, object] = {
        "ended": found.lifted.evidence["ended"],
        "probes": len(probes),
        "failed_in_a_row": len(silent),
    }
    bound = {"failure_threshold": float(record.trial.live_probe.failure_threshold)}
    if found.lifted.evidence["ended"]:
        why = f"The reload ended the whole server, the workers that still served with it ({len(silent)} probes failed)."
        return failed(NAME, why, evidence=evidence, advice=_ADVICE, limits=bound)
    if len(silent) >= record.trial.live_probe.failure_threshold:
        why = (
            f"The server is there, but {len(silent)} liveness probes in a row failed after the reload (limit"
            f" {record.trial.live_probe.failure_threshold})."
        )
        verdict = failed(NAME, why, evidence=evidence, advice=_ADVICE, limits=bound)
        return unless_unfit(record, limits, verdict, [Span(seen.sent_ns, seen.done_ns) for seen in silent])
    if len(probes) < _MIN_PROBES:
        return inconclusive(NAME, f"Only {len(probes)} liveness probes were sent; {_MIN_PROBES} are needed.")
    why = f"The old workers went on: at most {len(silent)} of {len(probes)} liveness probes in a row failed."
    return passed(NAME, why, evidence=evidence, limits=bound)


def _longest(probes: tuple[ProbeAnswered, ...], record: TrialRecord) -> list[ProbeAnswered]:
    longest: list[ProbeAnswered] = []
    run: list[ProbeAnswered] = []
    for seen in probes:
        run = [*run, seen] if says(seen, record.trial.live_probe) is False else []
        longest = max(longest, run, key=len)
    return longest


CHECK = Check(
    NAME,
    "Do the old workers go on when a reload cannot succeed?",
    judge,
    applies,
    (STARTS, MACHINE_FIT, FAULT_PROVEN),
    finds=("F29",),
)
