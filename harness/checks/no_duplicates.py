"""Nothing is stored twice, whether it was acknowledged or not.

A write that is tried again after its answer got lost is done again, unless it carries a key that makes it the same
write: the first attempt had reached the database, only nobody heard of it. A load sends each key once, so two rows with
one key are the service's own doing. One is enough, and no machine is an excuse for it. As for `nothing-lost`, 20
acknowledged writes around the bite are needed before "none" means something.

Finds F36 (half-open connection), F37 (timeout costs twice) and F43 (work for a client that has gone).
"""

from harness.model.observation import KeysStored
from harness.model.record import TrialRecord
from harness.model.target import Limits
from harness.model.verdict import Verdict

from .check import FAULT_PROVEN, STARTS, Check, failed, inconclusive, passed
from .facts.writes import MIN_ACKNOWLEDGED, confirmed_writes, named, near_the_bite, why_not

NAME = "no-duplicates"


def judge(record: TrialRecord, _limits: Limits) -> Verdict:
    asked = record.of(KeysStored)
    if not asked:
        return inconclusive(NAME, "The ledger's query was not made, so nobody knows what is stored.")
    counts = dict(asked[-1].keys)
    confirmed = confirmed_writes(record)
    near = near_the_bite(record, confirmed)
    twice = sorted(key for key, count in counts.items() if count > 1)
    unheard = sum(key not in confirmed for key in twice)
    evidence: dict[str, object] = {
        "stored": len(counts),
        "around_the_bite": near,
        "stored_twice": len(twice),
        "of_them_not_acknowledged": unheard,
        "most": max(counts.values(), default=0),
        "keys": [f"{named(record, key)}: {counts[key]}" for key in twice[:10]],
    }
    bound = {"stored_twice": 0.0, "acknowledged_around_the_bite": float(MIN_ACKNOWLEDGED)}
    if twice:
        return failed(
            NAME,
            f"{len(twice)} of {len(counts)} stored keys are stored more than once, one of them"
            f" {evidence['most']} times (limit 0; {unheard} of them were never acknowledged).",
            evidence=evidence,
            advice="Give each write a key of its own and let the database refuse it twice (UNIQUE, ON CONFLICT); try"
            " again only what carries such a key.",
            limits=bound,
        )
    if near < MIN_ACKNOWLEDGED:
        why = (
            f"No key is stored twice, but only {near} writes were acknowledged around the bite ({len(confirmed)} in"
            f" all); {MIN_ACKNOWLEDGED} are needed."
        )
        return inconclusive(
            NAME, why, evidence=evidence, advice="Raise rate_rps or the weight of writes.", limits=bound
        )
    why = f"None of {len(counts)} stored keys is stored twice; {near} writes were acknowledged around the bite."
    return passed(NAME, why, evidence=evidence, limits=bound)


CHECK = Check(NAME, "Is anything stored twice?", judge, why_not, (STARTS, FAULT_PROVEN), finds=("F36", "F37", "F43"))
