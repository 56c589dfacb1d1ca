"""Nothing grows with each outage: sessions, open transactions, descriptors, memory.

What a service forgets to give back when a call fails is lost once for each failure, and one outage shows little of it:
pools and caches fill, and may stay full. So three outages are compared, each at rest after its recovery, and with the
rest before the first. What grew in all three by more than it may is a leak.

      baseline   outage   rest    outage   rest    outage   rest
           └─┐            └─┐              └─┐            └─┐       the least of the last 2.5 s of each

The least of a rest is taken, so that what is busy at that moment does not count. Three sessions each time are let pass,
for a pool grows by what an outage asks of it; three descriptors of each worker, connections of clients left out; one
session left open in a transaction is one too many. Memory may grow by 4 MiB (`leak_mib`) in each worker: an interpreter
that has just started still does. Only workers that lived through all of it are compared.

Finds F43 (work for a client that has gone) and F45 (connection or transaction not given back).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TypeVar

from harness.model.observation import DatabaseSampled, ProcessSampled
from harness.model.record import Span, TrialRecord
from harness.model.target import Limits
from harness.model.verdict import Verdict

from .check import FAULT_PROVEN, STARTS, Check, failed, inconclusive, passed
from .facts.phases import baseline_span
from .facts.recovery import load_end_ns
from .facts.troubles import Trouble, troubles, uses_on_parts

NAME = "no-leaks"
CYCLES = 3
_REST_NS = 2_500_000_000
_MIN_LOOKS = 2
_SESSIONS, _TRANSACTIONS, _DESCRIPTORS = 3.0, 1.0, 3.0
_MIB = 2**20
_OF_WORKERS, _OF_DATABASE = "workers' ", "sessions at "

Look = TypeVar("Look", DatabaseSampled, ProcessSampled)


@dataclass(frozen=True, slots=True)
class Growth:
    """How much of something there was at each rest, and by how much it may grow from one to the next."""

    what: str
    unit: str
    at_rest: tuple[float, ...]
    step: float

    @property
    def leaks(self) -> bool:
        return all(after - before >= self.step for before, after in pairwise(self.at_rest))

    def told(self) -> str:
        return f"{self.what} {' → '.join(f'{level:.4g}' for level in self.at_rest)}{self.unit}"


def applies(record: TrialRecord) -> str | None:
    uses = sorted((use for use in uses_on_parts(record.trial) if use.for_s), key=lambda use: use.at_s)
    one_by_one = len(uses) > 0 and all(first.end_s < then.at_s for first, then in pairwise(uses))
    if one_by_one and len(uses) >= CYCLES:
        return None
    return f"the scenario does not break and mend a part {CYCLES} times, one after another"


def judge(record: TrialRecord, limits: Limits) -> Verdict:
    bound = {"leak_mib": limits.leak_mib, "sessions": _SESSIONS, "descriptors": _DESCRIPTORS}
    rests = _rests(record)
    if isinstance(rests, str):
        return inconclusive(NAME, rests, limits=bound)
    found = [*_of_databases(record, rests), *_of_workers(record, rests, limits)]
    evidence: dict[str, object] = {
        "rests_s": [[rest.start_ns / 1e9, rest.end_ns / 1e9] for rest in rests],
        "at_rest": {growth.what: list(growth.at_rest) for growth in found},
    }
    leaks = [growth for growth in found if growth.leaks]
    if leaks:
        return failed(
            NAME,
            f"With each of {len(rests) - 1} outages grew: {'; '.join(growth.told() for growth in leaks)} (at rest,"
            f" limit {leaks[0].step:g}{leaks[0].unit} for each).",
            evidence=evidence,
            advice="Give back in `finally` or `async with` what was taken, also when the call fails or is cancelled."
            f" Set PostgreSQL's idle_in_transaction_session_timeout to {record.trial.slo.deadline_s:g}s"
            " (slo.deadline_s: no request needs a transaction for longer), and give each cache and queue a maxsize"
            " (lru_cache: 128).",
            limits=bound,
        )
    if not any(growth.what.startswith(_OF_WORKERS) for growth in found):
        why = "No worker lived through all outages, or none was sampled at each rest, so nothing can be compared."
        return inconclusive(NAME, why, evidence=evidence, limits=bound)
    if _has_database(record) and not any(growth.what.startswith(_OF_DATABASE) for growth in found):
        return inconclusive(NAME, "The sessions were not counted at each rest.", evidence=evidence, limits=bound)
    why = f"Nothing grew with each of {len(rests) - 1} outages: {'; '.join(growth.told() for growth in found)}."
    return passed(NAME, why, evidence=evidence, limits=bound)


def _rests(record: TrialRecord) -> tuple[Span, ...] | str:
    """Before the first outage and after each one; a sentence where there is not enough of it."""
    found = [trouble for trouble in troubles(record) if trouble.what in record.trial.part_kinds]
    baseline = baseline_span(record)
    if baseline is None or len(found) < CYCLES:
        return f"{len(found)} outages were seen; {CYCLES} after a baseline are needed."
    ends = [trouble.applied.sent_ns for trouble in found[1:]] + [load_end_ns(record)]
    rests = [Span(baseline.end_ns - _REST_NS, baseline.end_ns)]
    for trouble, end_ns in zip(found, ends, strict=True):
        rest = Span(end_ns - _REST_NS, end_ns)
        if trouble.lifted is None or rest.start_ns < trouble.lifted.done_ns:
            return f"After {trouble.id} at {_at_s(trouble):.1f} s there was no rest of {_REST_NS / 1e9:g} s."
        rests.append(rest)
    return tuple(rests)


def _at_s(trouble: Trouble) -> float:
    return trouble.applied.sent_ns / 1e9


def _has_database(record: TrialRecord) -> bool:
    return "postgres" in record.trial.part_kinds.values()


def _of_databases(record: TrialRecord, rests: Sequence[Span]) -> list[Growth]:
    found: list[Growth] = []
    for part in sorted({seen.part for seen in record.of(DatabaseSampled)}):
        looks = [seen for seen in record.of(DatabaseSampled) if seen.part == part]
        sessions = _levels(looks, rests, lambda seen: seen.sessions)
        left_open = _levels(looks, rests, lambda seen: seen.idle_in_transaction)
        if sessions and left_open:
            found.append(Growth(f"{_OF_DATABASE}{part}", "", sessions, _SESSIONS))
            found.append(Growth(f"open transactions at {part}", "", left_open, _TRANSACTIONS))
    return found


def _of_workers(record: TrialRecord, rests: Sequence[Span], limits: Limits) -> list[Growth]:
    """All workers together: a leak hits now this one, now that."""
    by_pid: dict[int, list[ProcessSampled]] = {}
    for seen in record.of(ProcessSampled):
        if seen.role == "worker":
            by_pid.setdefault(seen.pid, []).append(seen)
    own = [_levels(looks, rests, lambda seen: seen.fds - max(0, seen.clients)) for looks in by_pid.values()]
    memory = [_levels(looks, rests, lambda seen: seen.rss_bytes / _MIB) for looks in by_pid.values()]
    there = [pair for pair in zip(own, memory, strict=True) if pair[0] and pair[1]]
    if not there:
        return []
    count = len(there)
    descriptors = tuple(sum(levels) for levels in zip(*(pair[0] for pair in there), strict=True))
    mib = tuple(sum(levels) for levels in zip(*(pair[1] for pair in there), strict=True))
    return [
        Growth(f"{_OF_WORKERS}descriptors", "", descriptors, _DESCRIPTORS * count),
        Growth(f"{_OF_WORKERS}memory", " MiB", mib, limits.leak_mib * count),
    ]


def _levels(looks: Sequence[Look], rests: Sequence[Span], level: Callable[[Look], float]) -> tuple[float, ...]:
    """The least at each rest; empty where one of them was not looked at often enough."""
    found: list[float] = []
    for rest in rests:
        mine = [level(seen) for seen in looks if rest.holds(seen.sent_ns, seen.done_ns)]
        if len(mine) < _MIN_LOOKS:
            return ()
        found.append(min(mine))
    return tuple(found)


CHECK = Check(
    NAME, "Does anything grow with each outage?", judge, applies, (STARTS, FAULT_PROVEN), finds=("F43", "F45")
)
