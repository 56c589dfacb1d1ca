"""Writes that the service acknowledged, and how many of them lie around the bite: shared by what judges the ledger."""

from harness.model.observation import InFlightEnded
from harness.model.record import Span, TrialRecord
from harness.model.samples import acknowledged

from .recovery import bite

MIN_ACKNOWLEDGED = 20
_AROUND_NS = 5_000_000_000


def why_not(record: TrialRecord) -> str | None:
    """Why the ledger says nothing of this trial, or None."""
    if not record.trial.ledger:
        return "the target declares no ledger"
    if not any(line.stores for line in record.trial.requests):
        return "no request line stores anything"
    return None


def confirmed_writes(record: TrialRecord) -> dict[int, int]:
    """The numbers of the keys, with the moment of the acknowledgement."""
    rows = acknowledged(record.samples, [line.stores for line in record.trial.requests])
    found = dict(zip(rows["k"].tolist(), rows["done"].tolist(), strict=True))
    for seen in record.of(InFlightEnded):
        if seen.key >= 0 and seen.outcome == "answered" and 200 <= seen.status <= 299:
            found[seen.key] = seen.done_ns
    return found


def near_the_bite(record: TrialRecord, confirmed: dict[int, int]) -> int:
    """How many were acknowledged from 5 s before the bite to 5 s after it; all of them where nothing was broken."""
    hurt = bite(record)
    if hurt is None:
        return len(confirmed)
    around = Span(hurt.start_ns - _AROUND_NS, hurt.end_ns + _AROUND_NS)
    return sum(around.start_ns <= moment <= around.end_ns for moment in confirmed.values())


def named(record: TrialRecord, key: int) -> str:
    """A key as the load sent it."""
    return f"{record.trial.key_prefix}-{key}"
