"""What trials have shown of times: how long good requests take, how long trouble lasts, how long it takes to leave."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from harness.model.observation import FaultChanged, ServerStopped
from harness.model.record import TrialRecord
from harness.model.rows import Outcome
from harness.model.samples import Times as Ns
from harness.model.samples import inside, quantiles, service_ns
from harness.model.verdict import TrialVerdict

_SILENT = ("blackhole", "freeze", "half-open", "accept-then-hang")


@dataclass(frozen=True, slots=True)
class Times:
    """Seconds; None where no trial showed it.

    `requests` good ones with nothing broken, their `p99_s` and the longest. `silence_s`: the longest silence of a part
    that was met, `back_s` the longest that requests were not good again after a part was, `leaving_s` from SIGTERM to
    the end of the server, `stall_s` the longest that a worker left its liveness without an answer.
    """

    requests: int = 0
    p99_s: float = 0.0
    longest_s: float = 0.0
    silence_s: float | None = None
    back_s: float | None = None
    leaving_s: float | None = None
    stall_s: float | None = None


def times_of(trials: Sequence[tuple[TrialRecord, TrialVerdict]]) -> Times:
    """Over all trials that ran to their end: of each the worst."""
    whole = [(record, verdict) for record, verdict in trials if record.whole]
    good = [_good_ns(record) for record, _ in whole]
    found = quantiles(np.concatenate(good)) if good else None
    return Times(
        requests=found.n if found else 0,
        p99_s=found.p99_ns / 1e9 if found else 0.0,
        longest_s=found.max_ns / 1e9 if found else 0.0,
        silence_s=_most(_silence_s(record) for record, _ in whole),
        back_s=_most(_back_s(record, verdict) for record, verdict in whole),
        leaving_s=_most(_leaving_s(record) for record, _ in whole),
        stall_s=_most(_stall_s(record) for record, _ in whole),
    )


def _most(found: Iterable[float | None]) -> float | None:
    return max((each for each in found if each is not None), default=None)


def _good_ns(record: TrialRecord) -> Ns:
    span = record.phase("baseline")
    rows = record.samples
    rows = inside(rows, span.start_ns, span.end_ns) if span else rows[:0]
    return service_ns(rows[rows["code"] == Outcome.OK])


def _silence_s(record: TrialRecord) -> float | None:
    began: dict[str, int] = {}
    lengths: list[float] = []
    for seen in record.of(FaultChanged):
        if seen.fault.partition(".")[2] not in _SILENT or not seen.ok:
            continue
        if seen.action == "apply":
            began[seen.fault] = seen.done_ns
        elif seen.action == "lift" and seen.fault in began:
            lengths.append((seen.sent_ns - began.pop(seen.fault)) / 1e9)
    return max(lengths, default=None)


def _back_s(record: TrialRecord, verdict: TrialVerdict) -> float | None:
    """Only where the service did come back in time, for a defect is no measure, and only from trouble of a part."""
    hurt = {seen.fault.partition(".")[0] for seen in record.of(FaultChanged)}
    if not hurt <= record.trial.part_kinds.keys():
        return None
    found = next((each for each in verdict.verdicts if each.check == "recovers" and each.verdict == "pass"), None)
    if found is None:
        return None
    after_s = found.evidence.get("requests_after_s")
    return after_s if isinstance(after_s, float) else None


def _leaving_s(record: TrialRecord) -> float | None:
    ends = [seen for seen in record.of(ServerStopped) if seen.ended_by == "drain" and not seen.killed]
    return max(((seen.done_ns - seen.sent_ns) / 1e9 for seen in ends), default=None)


def _stall_s(record: TrialRecord) -> float | None:
    span = record.phase("baseline")
    if span is None:
        return None
    return max((seen.took_s for seen in record.probes("live", "pinned", span)), default=None)
