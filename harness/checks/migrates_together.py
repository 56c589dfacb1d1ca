"""Two replicas may run the setup at once: both end well, and leave what one run leaves.

At each rollout several init containers migrate, or a job is tried again while its first run still goes on. Without a
lock both find nothing there and both make it: one of them fails, or does everything twice. What counts is how each run
ended and what is in the database afterwards, so it does not matter whether the second run waited or found nothing to
do. Two runs that never met show nothing, and `fault-proven` says so.

Finds F61 (setup by two at once).
"""

from harness.model.record import TrialRecord
from harness.model.target import Limits
from harness.model.verdict import Verdict

from .check import FAULT_PROVEN, STARTS, Check, failed, inconclusive, passed
from .facts.troubles import troubles

NAME = "migrates-together"
_FAULT = "server.migrate-twice"
_ADVICE = (
    "Take pg_advisory_xact_lock in the transaction that migrates, before the version is read: the second run then finds"
    " nothing left to do."
)


def applies(record: TrialRecord) -> str | None:
    if any(use.id == _FAULT for use in record.trial.scenario.faults):
        return None
    return "the setup was not run by two replicas at once"


def judge(record: TrialRecord, _limits: Limits) -> Verdict:
    applied = next((trouble.applied for trouble in troubles(record) if trouble.id == _FAULT), None)
    told = dict(applied.evidence) if applied is not None else {}
    codes = [told[key] for key in ("exit_1", "exit_2") if key in told]
    if len(codes) < 2:
        return inconclusive(NAME, "The record does not say how the two runs ended.")
    evidence: dict[str, object] = {**told, "logs": ["setup-1.log", "setup-2.log"]}
    wrong = [code for code in codes if code != 0]
    if wrong:
        how = "did not end in time" if wrong[0] == -1 else f"ended with {wrong[0]}"
        why = f"Of 2 runs of the setup commands at once on a fresh database, {len(wrong)} failed: one {how}."
        return failed(NAME, why, evidence=evidence, advice=_ADVICE)
    if told.get("missing") or told.get("extra"):
        why = f"Two runs at once leave another schema than one does: {told.get('first_difference')}."
        return failed(NAME, why, evidence=evidence, advice=_ADVICE)
    if told.get("other_rows"):
        why = f"Two runs at once did something twice: {told['other_rows']} has other rows than after one run."
        return failed(NAME, why, evidence=evidence, advice=_ADVICE)
    if not told.get("changes"):
        return inconclusive(NAME, "Both runs ended well, and neither changed the fresh database.", evidence=evidence)
    why = f"Both runs ended with 0, and left the schema and the rows that one run leaves ({told['changes']} changes)."
    return passed(NAME, why, evidence=evidence)


CHECK = Check(NAME, "Can two replicas run the setup at once?", judge, applies, (STARTS, FAULT_PROVEN), finds=("F61",))
