"""What was acknowledged is stored.

A write that is confirmed before it is committed is lost by the first cut that comes at the right moment, and nobody
sees it but the user. Each key that was answered as expected, in the load and by the in-flight probe, must be found by
the ledger's query after it all. A trial shows it only where writes were acknowledged around the bite: at least 20 from
5 s before it to 5 s after it, for of so many one is lost with 95 % if one in seven is. One lost key is enough, and no
machine is an excuse for it.

Finds F62 (acknowledged before it is stored).
"""

from harness.model.observation import KeysStored
from harness.model.record import TrialRecord
from harness.model.target import Limits
from harness.model.verdict import Verdict

from .check import FAULT_PROVEN, STARTS, Check, failed, inconclusive, passed
from .facts.settings import grace
from .facts.writes import MIN_ACKNOWLEDGED, confirmed_writes, named, near_the_bite, why_not

NAME = "nothing-lost"


def judge(record: TrialRecord, _limits: Limits) -> Verdict:
    asked = record.of(KeysStored)
    if not asked:
        return inconclusive(NAME, "The ledger's query was not made, so nobody knows what is stored.")
    stored = {key for key, count in asked[-1].keys if count > 0}
    confirmed = confirmed_writes(record)
    near = near_the_bite(record, confirmed)
    lost = sorted(key for key in confirmed if key not in stored)
    evidence: dict[str, object] = {
        "acknowledged": len(confirmed),
        "around_the_bite": near,
        "stored": len(stored),
        "lost": len(lost),
        "lost_keys": [f"{named(record, key)} at {confirmed[key] / 1e9:.2f} s" for key in lost[:10]],
    }
    bound = {"lost": 0.0, "acknowledged_around_the_bite": float(MIN_ACKNOWLEDGED)}
    if lost:
        return failed(
            NAME,
            f"{len(lost)} of {len(confirmed)} acknowledged writes are not stored (limit 0; {near} were acknowledged"
            " around the bite).",
            evidence=evidence,
            advice="Answer only after the commit has returned, with PostgreSQL's synchronous_commit = on (with `off`"
            " the last 0.6 s may be lost), and write what is still queued at the lifespan's end, within"
            f" {grace(record.trial)}: after that the worker is killed.",
            limits=bound,
        )
    if near < MIN_ACKNOWLEDGED:
        why = (
            f"Only {near} writes were acknowledged around the bite ({len(confirmed)} in all);"
            f" {MIN_ACKNOWLEDGED} are needed."
        )
        return inconclusive(
            NAME, why, evidence=evidence, advice="Raise rate_rps or the weight of writes.", limits=bound
        )
    why = f"All {len(confirmed)} acknowledged writes are stored, {near} of them from around the bite."
    return passed(NAME, why, evidence=evidence, limits=bound)


CHECK = Check(
    NAME, "Is everything stored that was acknowledged?", judge, why_not, (STARTS, FAULT_PROVEN), finds=("F62",)
)
