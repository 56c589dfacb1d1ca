"""Errors stay within the budget wherever the fault does not excuse them.

Judged are the baseline, the time after the recovery, and during a fault the request lines that need nothing of what is
broken: a slow part that takes unrelated endpoints with it is a defect, an unreachable one is none of theirs. Lines that
need what is broken are told. A worker's fault excuses what that worker had in hand (facts/phases.py). Over the budget
is over it surely: the lower end of the 95 % interval (facts/statistics.py) counts, so that one error in a hundred
requests does not fail a service with a budget of one in a thousand. That is the default, for 99.9 % is where most
objectives begin, and what is not broken has no reason to fail at all.

Finds F07 (killed worker), F46 (pool and threads wait for each other), F47 (threads used up), F53 (idle connections fill
the limit), F55 (slow or silent sender) and F59 (slow dependency takes everything).
"""

from harness.model.record import Span, TrialRecord
from harness.model.samples import errors
from harness.model.target import Limits
from harness.model.trial import Trial
from harness.model.verdict import Verdict

from .check import FAULT_PROVEN, LOAD_PROVEN, MACHINE_FIT, STARTS, Check, failed, inconclusive, passed
from .facts.machine import for_the_rig, unfit_spans
from .facts.phases import Judged, beside, judgeable, told
from .facts.recovery import bite
from .facts.settings import bounds, ended_by_itself, grace
from .facts.statistics import lower_bound
from .facts.troubles import hurts, uses_on_parts

NAME = "error-budget"
_MIN_REQUESTS = 50


def judge(record: TrialRecord, limits: Limits) -> Verdict:
    budget = record.trial.slo.error_rate
    found = judgeable(record, limits)
    evidence: dict[str, object] = {phase.phase: _numbers(phase) for phase in found.phases}
    if bite(record) is not None:
        evidence["told"] = told(record)
    over = [phase for phase in found.phases if _over(phase, budget)]
    counts = ", ".join(f"{phase.phase} {_counted(phase)}" for phase in found.phases)
    bound = {"error_rate": budget}
    if over:
        first = over[0]
        share = errors(first.rows)
        verdict = failed(
            NAME,
            f"Errors exceed the budget in the {first.phase}: {share.count} of {share.n} ({share.value:.2%}, surely"
            f" {lower_bound(share.count, share.n):.2%}; limit {budget:.2%}).",
            evidence=evidence,
            advice=ended_by_itself(record) or _advice(record.trial, first.phase),
            limits=bound,
        )
        unfit = unfit_spans(record, limits)
        if not any(_over(beside(phase, unfit), budget) for phase in over):
            return for_the_rig(record, limits, verdict, _around(over[0]))
        return verdict
    thin = [f"the {phase.phase} has {errors(phase.rows).n} requests" for phase in found.phases if _thin(phase)]
    doubts = [*found.missing, *thin]
    if doubts:
        why = f"No budget was exceeded ({counts}), but {'; '.join(doubts)} ({_MIN_REQUESTS} requests are needed)."
        return inconclusive(NAME, why, evidence=evidence, limits=bound)
    return passed(
        NAME, f"Errors stayed within the budget: {counts} (limit {budget:.2%}).", evidence=evidence, limits=bound
    )


def _advice(trial: Trial, phase: str) -> str:
    deadline_s = trial.slo.deadline_s
    if phase != "fault":
        return (
            f"Read the server's log at these errors, and bound what waits for a part: {bounds(trial)}. Then a request"
            f" ends within slo.deadline_s ({deadline_s:g} s) and frees what the next one needs."
        )
    if hurts(trial, "client", "ingress"):
        return (
            "Set a limit on connections (Uvicorn: limit_concurrency) above what clients and the load balancer keep"
            " open, for idle ones count, and let the proxy in front (nginx: client_header_timeout and"
            f" client_body_timeout {deadline_s:g}s) wait for slow senders instead of a worker."
        )
    if not uses_on_parts(trial):
        return (
            f"What a worker that ends has in hand needs time to be answered: keep {grace(trial)} above slo.deadline_s"
            f" ({deadline_s:g} s). What may be repeated is tried again by the load balancer (nginx:"
            " proxy_next_upstream error, with proxy_next_upstream_tries 2), for what a dead worker had is lost."
        )
    return (
        f"Bound each call to what is broken: {bounds(trial)}. And let at most half of the pool's connections or of the"
        " threads wait for it (asyncio.Semaphore, 503 beyond that): the other half is for requests that do not need it."
    )


def _numbers(phase: Judged) -> dict[str, object]:
    share = errors(phase.rows)
    surely = lower_bound(share.count, share.n)
    return {"n": share.n, "errors": share.count, "surely": surely, "left_out": phase.left_out}


def _counted(phase: Judged) -> str:
    share = errors(phase.rows)
    return f"{share.count} of {share.n}"


def _over(phase: Judged, budget: float) -> bool:
    share = errors(phase.rows)
    return lower_bound(share.count, share.n) > budget


def _thin(phase: Judged) -> bool:
    """A line of small weight that a fault leaves alone is judged in the other phases too."""
    return phase.phase != "fault" and errors(phase.rows).n < _MIN_REQUESTS


def _around(phase: Judged) -> Span:
    return Span(int(phase.rows["intended"].min()), int(phase.rows["intended"].max()))


CHECK = Check(
    NAME,
    "Do errors stay within the budget?",
    judge,
    premises=(STARTS, MACHINE_FIT, LOAD_PROVEN, FAULT_PROVEN),
    finds=("F07", "F46", "F47", "F53", "F55", "F59"),
)
