"""Latency keeps the SLO wherever the fault does not excuse it: 99 of 100 requests within `p99_ms`.

Counted from the moment at which a request was due, so that a stall is told in full; what got no answer is over. Judged
in the same phases as the errors, line by line where a line has 200 requests or more (below that one percent is a matter
of one or two), the rest of a phase together if it is 50 or more. Over is over surely, with few requests as with many:
the lower end of the 95 % interval of the share that was late lies above one percent. The default of 250 ms is a
promise, not a measurement: a page that asks four times, one after another, is then there within a second.

Finds F28 (silence through a reload), F37 (timeout costs twice), F38 (pool as an endless queue), F46 (pool and threads
wait for each other), F47 (threads used up), F51 (latency paid several times), F55 (slow or silent sender) and F59 (slow
dependency takes everything).
"""

from dataclasses import dataclass

import numpy as np

from harness.model.record import Span, TrialRecord
from harness.model.rows import Rows
from harness.model.samples import of_endpoint, over_limit, quantiles, response_ns
from harness.model.target import Limits
from harness.model.trial import Trial
from harness.model.verdict import Verdict

from .check import BASELINE_STEADY, FAULT_PROVEN, LOAD_PROVEN, MACHINE_FIT, STARTS, Check, failed, inconclusive, passed
from .facts.machine import for_the_rig, unfit_spans
from .facts.phases import Judged, beside, judgeable, told
from .facts.recovery import bite
from .facts.settings import acquire_s, ended_by_itself
from .facts.statistics import lower_bound

NAME = "latency-slo"
MIN_REQUESTS = 200
MIN_POOLED = 50
_SHARE = 0.01


@dataclass(frozen=True, slots=True)
class Group:
    """Requests that are judged together: those of some lines, or of all. Taken out when they are asked for: all groups
    at once would be a second copy of a long record."""

    name: str
    among: Rows
    lines: tuple[int, ...] | None = None

    @property
    def rows(self) -> Rows:
        return self.among if self.lines is None else of_endpoint(self.among, *self.lines)


def judge(record: TrialRecord, limits: Limits) -> Verdict:
    limit_ns = int(record.trial.slo.p99_ms * 1e6)
    found = judgeable(record, limits)
    groups, few = _groups(record, found.phases)
    evidence: dict[str, object] = {group.name: _numbers(group, limit_ns) for group in groups}
    if bite(record) is not None:
        evidence["told"] = told(record)
    bound = {"p99_ms": record.trial.slo.p99_ms}
    late = [group for group in groups if _late(group.rows, limit_ns)]
    if late:
        worst = max(late, key=lambda group: over_limit(group.rows, limit_ns).value)
        share = over_limit(worst.rows, limit_ns)
        verdict = failed(
            NAME,
            f"{worst.name}: {share.count} of {share.n} requests took longer than {record.trial.slo.p99_ms:g} ms"
            f" ({share.value:.1%}, surely {lower_bound(share.count, share.n):.1%}; limit 1 %).",
            evidence=evidence,
            advice=ended_by_itself(record) or _advice(record.trial),
            limits=bound,
        )
        unfit = unfit_spans(record, limits)
        if not any(_late(beside(Judged(g.name, g.rows), unfit).rows, limit_ns) for g in late):
            due = worst.rows["intended"]
            return for_the_rig(record, limits, verdict, Span(int(due.min()), int(due.max())))
        return verdict
    counts = ", ".join(f"{phase.phase} {len(phase.rows)}" for phase in found.phases)
    doubts = [*found.missing, *few]
    if doubts:
        why = f"Nothing was late, but {'; '.join(doubts)} (requests: {counts})."
        return inconclusive(NAME, why, evidence=evidence, advice="Raise rate_rps.", limits=bound)
    why = f"Not more than 1 % took longer than {record.trial.slo.p99_ms:g} ms (requests: {counts})."
    return passed(NAME, why, evidence=evidence, limits=bound)


def _advice(trial: Trial) -> str:
    if any(use.id == "server.sighup" for use in trial.scenario.faults):
        return (
            "Do less in imports and in the lifespan, for the silence of a reload is as long as a start: it has to stay"
            f" below slo.p99_ms ({trial.slo.p99_ms:g} ms). Or let the new one start before the old one ends (a second"
            " server, Uvicorn, Granian)."
        )
    return (
        "Before adding workers, bound what requests wait for. The connection pool:"
        f" pool.acquire(timeout={acquire_s(trial):.3g}) (a tenth of slo.deadline_s), and 503 instead of a queue without"
        " an end; threads: no more `def` endpoints at once than anyio's limiter has (40 a worker), slow ones under a"
        " CapacityLimiter of half of that; the event loop: asyncio.to_thread for whatever blocks it."
    )


def _groups(record: TrialRecord, phases: tuple[Judged, ...]) -> tuple[list[Group], list[str]]:
    """What is judged together, and what is too little to be judged at all."""
    groups: list[Group] = []
    few: list[str] = []
    for phase in phases:
        if len(phase.rows) >= MIN_POOLED:
            groups += _of_phase(record, phase)
        elif phase.phase != "fault":  # a line of small weight that is untouched is judged in the other phases
            few.append(f"the {phase.phase} has {len(phase.rows)} requests ({MIN_POOLED} are needed)")
    total = sum(len(phase.rows) for phase in phases)
    if total < MIN_REQUESTS:
        few.append(f"there are {total} requests in all ({MIN_REQUESTS} are needed)")
    return groups, few


def _of_phase(record: TrialRecord, phase: Judged) -> list[Group]:
    """Each line with enough requests alone, the others together; all of the phase where these would be a handful."""
    alone: list[Group] = []
    small: list[int] = []
    for index, line in enumerate(record.trial.requests):
        mine = int(np.count_nonzero(phase.rows["endpoint"] == index))
        if mine >= MIN_REQUESTS:
            alone.append(Group(f"{phase.phase}, {line.name}", phase.rows, (index,)))
        elif mine:
            small.append(index)
    if not small:
        return alone
    if np.count_nonzero(np.isin(phase.rows["endpoint"], small)) < MIN_POOLED:
        return [*alone, Group(f"{phase.phase}, all lines", phase.rows)]
    return [
        *alone,
        Group(f"{phase.phase}, other lines" if alone else f"{phase.phase}, all lines", phase.rows, tuple(small)),
    ]


def _late(rows: Rows, limit_ns: int) -> bool:
    share = over_limit(rows, limit_ns)
    return lower_bound(share.count, share.n) > _SHARE


def _numbers(group: Group, limit_ns: int) -> dict[str, object]:
    rows = group.rows
    share, times = over_limit(rows, limit_ns), quantiles(response_ns(rows))
    return {
        "n": share.n,
        "over": share.count,
        "p50_ms": times.p50_ns / 1e6 if times else None,
        "p99_ms": times.p99_ns / 1e6 if times else None,
    }


CHECK = Check(
    NAME,
    "Does latency keep the SLO?",
    judge,
    premises=(STARTS, MACHINE_FIT, BASELINE_STEADY, LOAD_PROVEN, FAULT_PROVEN),
    finds=("F28", "F37", "F38", "F46", "F47", "F51", "F55", "F59"),
)
