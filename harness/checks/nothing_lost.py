"""What was acknowledged is stored.

A write that is confirmed before it is committed is lost by the first cut that comes at the right moment, and nobody
sees it but the user. Each key that was answered as expected, in the load and by the in-flight probe, must be found by
the ledger's query after it all. A trial shows it only where writes were acknowledged around the bite: at least 20 from
5 s before it to 5 s after it. One lost key is enough, and no machine is an excuse for it.
"""

from harness.model.observation import InFlightEnded, KeysStored
from harness.model.record import Span, TrialRecord
from harness.model.samples import acknowledged
from harness.model.target import Limits
from harness.model.verdict import Verdict

from .check import FAULT_PROVEN, STARTS, Check, failed, inconclusive, passed
from .facts.recovery import bite

NAME = "nothing-lost"
_MIN_ACKNOWLEDGED = 20
_AROUND_NS = 5_000_000_000


def applies(record: TrialRecord) -> str | None:
    if not record.trial.ledger:
        return "the target declares no ledger"
    if not any(line.stores for line in record.trial.requests):
        return "no request line stores anything"
    return None


def judge(record: TrialRecord, _limits: Limits) -> Verdict:
    asked = record.of(KeysStored)
    if not asked:
        return inconclusive(NAME, "The ledger's query was not made, so nobody knows what is stored.")
    stored = {key for key, count in asked[-1].keys if count > 0}
    confirmed = _acknowledged(record)
    near = _near(record, confirmed)
    lost = sorted(key for key in confirmed if key not in stored)
    evidence: dict[str, object] = {
        "acknowledged": len(confirmed),
        "around_the_bite": near,
        "stored": len(stored),
        "lost": len(lost),
        "lost_keys": [f"{record.trial.key_prefix}-{key} at {confirmed[key] / 1e9:.2f} s" for key in lost[:10]],
    }
    bound = {"lost": 0.0, "acknowledged_around_the_bite": float(_MIN_ACKNOWLEDGED)}
    if lost:
        return failed(
            NAME,
            f"{len(lost)} of {len(confirmed)} acknowledged writes are not stored (limit 0; {near} were acknowledged"
            " around the bite).",
            evidence=evidence,
            advice="Answer only after the commit has returned, and finish what was accepted before the process ends.",
            limits=bound,
        )
    if near < _MIN_ACKNOWLEDGED:
        why = (
            f"Only {near} writes were acknowledged around the bite ({len(confirmed)} in all);"
            f" {_MIN_ACKNOWLEDGED} are needed."
        )
        return inconclusive(
            NAME, why, evidence=evidence, advice="Raise rate_rps or the weight of writes.", limits=bound
        )
    why = f"All {len(confirmed)} acknowledged writes are stored, {near} of them from around the bite."
    return passed(NAME, why, evidence=evidence, limits=bound)


def _acknowledged(record: TrialRecord) -> dict[int, int]:
    """The numbers of the keys, with the moment of the acknowledgement."""
    rows = acknowledged(record.samples, [line.stores for line in record.trial.requests])
    found = dict(zip(rows["k"].tolist(), rows["done"].tolist(), strict=True))
    for seen in record.of(InFlightEnded):
        if seen.key >= 0 and seen.outcome == "answered" and 200 <= seen.status <= 299:
            found[seen.key] = seen.done_ns
    return found


def _near(record: TrialRecord, confirmed: dict[int, int]) -> int:
    """How many were acknowledged around the bite; all of them where nothing was broken."""
    hurt = bite(record)
    if hurt is None:
        return len(confirmed)
    around = Span(hurt.start_ns - _AROUND_NS, hurt.end_ns + _AROUND_NS)
    return sum(around.start_ns <= moment <= around.end_ns for moment in confirmed.values())


CHECK = Check(NAME, "Is everything stored that was acknowledged?", judge, applies, (STARTS, FAULT_PROVEN))
