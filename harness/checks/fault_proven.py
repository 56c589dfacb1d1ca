"""The fault bit: it was applied, evidence of its own says so, and the app was on the path that was broken.

A service that reaches its database around the proxy passes every trial without having been tried. So the fault's own
evidence (the toxic read back, a canary, the kernel's word) is not enough: the app's connections must have been seen to
come through the proxy in the baseline, and none around it. Failing requests of the app prove nothing.

Finds no failure mode of a service: it says whether the trial could have shown one.
"""

from harness.model.observation import PathSampled, ServerStopped
from harness.model.record import TrialRecord
from harness.model.target import Limits
from harness.model.verdict import Verdict

from .check import FAULT_PROVEN, STARTS, Check, inconclusive, passed
from .facts.troubles import Trouble, first_bite_ns, planned, troubles


def applies(record: TrialRecord) -> str | None:
    return None if record.trial.scenario.faults else "the scenario breaks nothing"


def judge(record: TrialRecord, _limits: Limits) -> Verdict:
    found = troubles(record)
    doubts = [f"{name} was never applied" for name in planned(record.trial) if name not in {t.id for t in found}]
    doubts += [doubt for doubt in (_doubt(record, trouble) for trouble in found) if doubt]
    parts = sorted({trouble.part for trouble in found} & record.trial.part_kinds.keys())
    doubts += [doubt for doubt in (_around(record, part) for part in parts) if doubt]
    evidence: dict[str, object] = {
        trouble.id: {
            "applied_s": trouble.applied.sent_ns / 1e9,
            "lifted_s": trouble.lifted.done_ns / 1e9 if trouble.lifted else None,
            "proof": [proof.why for proof in trouble.proofs if proof.ok][:3],
            "at_lift": dict(trouble.lifted.evidence) if trouble.lifted else {},
        }
        for trouble in found
    }
    if doubts:
        return inconclusive(FAULT_PROVEN, f"The fault is not proven: {'; '.join(doubts)}.", evidence=evidence)
    names = ", ".join(trouble.id for trouble in found)
    by = f"; the app reached {', '.join(parts)} through the proxy only" if parts else ""
    return passed(FAULT_PROVEN, f"{names} took hold, by evidence of its own{by}.", evidence=evidence)


def _doubt(record: TrialRecord, trouble: Trouble) -> str:
    """Why this fault may not have bitten; empty where it has."""
    if not trouble.applied.ok:
        return f"{trouble.id} could not be applied ({trouble.applied.why.rstrip('.')})"
    if any(proof.ok for proof in trouble.proofs):
        return ""
    if trouble.proofs:
        return f"no evidence was found that {trouble.id} bites ({trouble.proofs[-1].why.rstrip('.')})"
    if trouble.has("final") and record.of(ServerStopped):
        return ""
    return f"nothing was tried to prove {trouble.id}"


def _around(record: TrialRecord, part: str) -> str:
    """Why the app may not have met what was done to the link; empty where it must have."""
    bitten = first_bite_ns(record)
    before = [
        seen for seen in record.of(PathSampled) if seen.part == part and (bitten is None or seen.sent_ns < bitten)
    ]
    if not before:
        return f"how the app reaches {part} was not seen before the fault"
    direct = max(seen.direct for seen in before)
    if direct > 0:
        return f"the app reaches {part} around the proxy ({direct} direct connections before the fault)"
    if max(seen.via_proxy for seen in before) <= 0:
        return f"the app was never seen to use {part} through the proxy before the fault"
    return ""


CHECK = Check(FAULT_PROVEN, "Did the fault bite, and was the app on its path?", judge, applies, premises=(STARTS,))
