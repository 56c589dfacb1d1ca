"""What is down is not called ever more often: retries are bounded.

A caller that tries again at once, and again, multiplies the load on what is down already, and holds the request open
meanwhile. Nobody sees it in the answers, so it is counted at the other end. At an HTTP part the stub counts calls, and
the baseline says how many a request makes when all is well. At a refused link the kernel counts the attempts to
connect; there a request that tries once makes one. The limit of 4 times that (`retry_ratio`) lets three retries pass,
which backoff and a deadline usually hold it to. Beside requests, two attempts a second of each worker are let pass at a
refused link, for a readiness that asks each half second, and at the stub the canaries of the fault itself, as many as
its evidence says: a fault on a share of the calls is looked for with up to a hundred. Cached calls count as one for
each request.

Finds F59 (slow dependency takes everything) and F60 (retry storm).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from harness.model.observation import PathSampled
from harness.model.record import Span, TrialRecord
from harness.model.samples import of_endpoint
from harness.model.scenario import FaultUse
from harness.model.target import Limits
from harness.model.verdict import Verdict

from .check import FAULT_PROVEN, LOAD_PROVEN, STARTS, Check, failed, inconclusive, passed
from .facts.phases import baseline_span
from .facts.troubles import Trouble, resolve, troubles, uses_on_parts

NAME = "retry-bounded"
_MIN_REQUESTS = 10
_BACKGROUND_PER_S = 2.0  # of each worker
_REFUSED = "refuse"
# Under these a call still reaches the stub, so each one is counted there.
_HEARD = frozenset(
    ("slow", "error", "hang", "wrong-body", "trickle", "latency", "jitter", "bandwidth", "slice", "slow-close")
)


@dataclass(frozen=True, slots=True)
class Count:
    """What was counted at one part: calls (or attempts to connect) for so many requests, and what is let pass."""

    part: str
    what: str
    calls: int
    requests: int
    usual: float
    spared: float
    seconds: float

    def allowed(self, ratio: float) -> float:
        return ratio * self.usual * self.requests + self.spared

    @property
    def each(self) -> float:
        return self.calls / self.requests if self.requests else 0.0


def applies(record: TrialRecord) -> str | None:
    uses = uses_on_parts(record.trial)
    if not uses:
        return "no part is broken"
    if not any(_counted(record, use) for use in uses):
        return f"nobody can count what is called under {' and '.join(use.id for use in uses)}"
    needed = {part for line in record.trial.requests for part in line.needs}
    if not any(resolve(record.trial, use.what) in needed for use in uses if _counted(record, use)):
        return "no request line needs what is broken"
    lifted = [trouble for trouble in troubles(record) if trouble.name == _REFUSED and trouble.lifted]
    if lifted and not any("attempts" in trouble.lifted.evidence for trouble in lifted if trouble.lifted):
        return "the record knows no attempts to connect: the kernel did not tell them, or it was not asked"
    return None


def judge(record: TrialRecord, limits: Limits) -> Verdict:
    found: list[Count] = []
    missing: list[str] = []
    needed = {part for line in record.trial.requests for part in line.needs}
    for trouble in troubles(record):
        if trouble.what in needed and (trouble.name == _REFUSED or _at_stub(record, trouble)):
            counted = _attempts(record, trouble) if trouble.name == _REFUSED else _calls(record, trouble)
            if isinstance(counted, Count):
                found.append(counted)
            else:
                missing.append(counted)
    evidence: dict[str, object] = {"counts": [_numbers(count, limits) for count in found]}
    bound = {"retry_ratio": limits.retry_ratio}
    over = [count for count in found if count.calls > count.allowed(limits.retry_ratio)]
    if over:
        worst = max(over, key=lambda count: count.each / count.usual)
        return failed(
            NAME,
            f"{worst.part} got {worst.calls} {worst.what} for {worst.requests} requests in {worst.seconds:.1f} s while"
            f" it was broken, {worst.each:.1f} for each (limit {limits.retry_ratio:g} × {worst.usual:.2g} for each, and"
            f" {worst.spared:.0f} in all).",
            evidence=evidence,
            advice=f"Bound the retries of calls to {worst.part} to two or three with growing pauses and jitter within"
            " the request's deadline, and stop calling while it is down (circuit breaker).",
            limits=bound,
        )
    if missing or not found:
        why = "; ".join(missing) or "no fault was applied that could have been counted"
        return inconclusive(NAME, f"{why[0].upper()}{why[1:]}.", evidence=evidence, limits=bound)
    told = ", ".join(f"{count.part} {count.calls} {count.what} for {count.requests} requests" for count in found)
    return passed(
        NAME, f"While broken, {told} (limit {limits.retry_ratio:g} × the usual).", evidence=evidence, limits=bound
    )


def _counted(record: TrialRecord, use: FaultUse) -> bool:
    kind = record.trial.part_kinds[resolve(record.trial, use.what)]
    return use.name == _REFUSED or (kind == "http" and use.name in _HEARD)


def _at_stub(record: TrialRecord, trouble: Trouble) -> bool:
    return trouble.name in _HEARD and record.trial.part_kinds.get(trouble.what) == "http"


def _calls(record: TrialRecord, trouble: Trouble) -> Count | str:
    """Calls at the stub from the last look before the fault to the last one before its lift."""
    usual = _usual(record, trouble.what)
    if usual is None:
        return f"the calls at {trouble.what} were not counted for {_MIN_REQUESTS} requests of the baseline"
    end_ns = trouble.lifted.sent_ns if trouble.lifted else record.last_ns
    looks = [seen for seen in record.of(PathSampled) if seen.part == trouble.what and seen.done_ns <= end_ns]
    before = [seen for seen in looks if seen.done_ns <= trouble.applied.sent_ns]
    if not before or looks[-1] is before[-1]:
        return f"the calls at {trouble.what} were not counted during the fault"
    first, last = before[-1], looks[-1]
    requests = _requests(record, trouble.what, Span(first.sent_ns, last.sent_ns))
    if requests < _MIN_REQUESTS:
        return f"only {requests} requests needed {trouble.what} during the fault; {_MIN_REQUESTS} are needed"
    seconds = (last.sent_ns - first.sent_ns) / 1e9
    return Count(trouble.what, "calls", last.via_proxy - first.via_proxy, requests, usual, _canaries(trouble), seconds)


def _canaries(trouble: Trouble) -> int:
    """Calls of our own; one each time that something was done where the evidence does not say, as in older records."""
    told = [seen.evidence.get("canaries") for seen in (trouble.applied, *trouble.proofs)]
    return sum(count if isinstance(count, int) else 1 for count in told)


def _attempts(record: TrialRecord, trouble: Trouble) -> Count | str:
    """Attempts to connect while the link was refused, as the kernel counted them."""
    attempts = trouble.lifted.evidence.get("attempts") if trouble.lifted else None
    if trouble.lifted is None or not isinstance(attempts, int):
        return f"the attempts to connect to {trouble.what} were not counted"
    span = Span(trouble.applied.sent_ns, trouble.lifted.sent_ns)
    requests = _requests(record, trouble.what, span)
    if requests < _MIN_REQUESTS:
        return f"only {requests} requests needed {trouble.what} during the fault; {_MIN_REQUESTS} are needed"
    usual = 1.0
    if record.trial.part_kinds.get(trouble.what) == "http":
        usual = _usual(record, trouble.what) or 1.0
    spared = _BACKGROUND_PER_S * record.trial.workers * span.length_s
    return Count(trouble.what, "attempts to connect", attempts, requests, usual, spared, span.length_s)


def _usual(record: TrialRecord, part: str) -> float | None:
    """Calls for each request when all is well, at least one; None where too few were seen."""
    span = baseline_span(record)
    if span is None:
        return None
    looks = [seen for seen in record.of(PathSampled) if seen.part == part and span.holds(seen.sent_ns, seen.done_ns)]
    if len(looks) < 2:
        return None
    requests = _requests(record, part, Span(looks[0].sent_ns, looks[-1].sent_ns))
    if requests < _MIN_REQUESTS:
        return None
    return max(1.0, (looks[-1].via_proxy - looks[0].via_proxy) / requests)


def _requests(record: TrialRecord, part: str, span: Span) -> int:
    """Requests that need the part and were sent in a stretch."""
    lines = [index for index, line in enumerate(record.trial.requests) if part in line.needs]
    rows = of_endpoint(record.samples, *lines)
    return int(np.count_nonzero((rows["sent"] >= span.start_ns) & (rows["sent"] < span.end_ns)))


def _numbers(count: Count, limits: Limits) -> dict[str, object]:
    return {
        "part": count.part,
        "counted": count.what,
        "calls": count.calls,
        "requests": count.requests,
        "for_each": count.each,
        "usual_for_each": count.usual,
        "allowed": count.allowed(limits.retry_ratio),
    }


CHECK = Check(
    NAME,
    "Are retries bounded while a part is down?",
    judge,
    applies,
    (STARTS, LOAD_PROVEN, FAULT_PROVEN),
    finds=("F59", "F60"),
)
