"""After SIGTERM the server goes on serving for as long as whatever routes to it needs to notice.

A load balancer hears of an end by a failed probe or by an endpoint that is taken from a list, seconds after SIGTERM;
until then it sends requests, and a server that has closed its listener turns them away: the 502s of a rolling update.
How long that is, only the deployment knows, and a preStop hook that waits before SIGTERM is sent does as well as a
server that waits after it. So this is judged where `drain_delay_s` says that the server has to: 0, the default, is no
delay. The load keeps its connections, so liveness is asked meanwhile on new ones, at the server itself, ten times a
second; needs `_LEAST` of these. Through the proxy a connection that nobody takes is closed or reset at once; what comes
over a kept connection that the server closes is left out, for a client may try that again.

Finds F18 (refused right after SIGTERM).
"""

from harness.model.observation import ProbeAnswered, ServerStopped
from harness.model.record import TrialRecord
from harness.model.rows import TURNED_AWAY, in_group
from harness.model.target import Limits
from harness.model.verdict import Verdict

from .check import FAULT_PROVEN, STARTS, Check, failed, inconclusive, passed
from .facts.troubles import is_asked_to_end, sigterm_ns

NAME = "drain-delay"
_LEAST = 3
_GONE = ("refused", "reset", "eof")


def applies(record: TrialRecord) -> str | None:
    if not is_asked_to_end(record.trial):
        return "no load is on when the service is asked to end"
    return None if record.trial.limits.drain_delay_s > 0 else "limits.drain_delay_s is 0: nothing has to be served then"


def judge(record: TrialRecord, limits: Limits) -> Verdict:
    stops = record.of(ServerStopped)
    if not stops:
        return inconclusive(NAME, "The record does not say how the server ended.")
    if stops[-1].ended_by == "itself":
        return inconclusive(NAME, "The server ended by itself, before it was asked to.")
    asked_ns, delay_s = sigterm_ns(record), limits.drain_delay_s
    until_ns = asked_ns + int(delay_s * 1e9)
    rows = record.samples
    tried = rows[(rows["sent"] >= asked_ns) & (rows["sent"] < until_ns)]
    away = tried[in_group(tried, TURNED_AWAY)]
    served_s = (stops[-1].done_ns - asked_ns) / 1e9
    knocks = [seen for seen in record.of(ProbeAnswered) if seen.via == "fresh" and asked_ns <= seen.sent_ns < until_ns]
    missed = [*away["sent"].tolist(), *(seen.sent_ns for seen in knocks if seen.outcome in _GONE)]
    n = len(tried) + len(knocks)
    evidence: dict[str, object] = {
        "requests": len(tried),
        "new_connections": len(knocks),
        "turned_away": len(missed),
        "ended_after_s": served_s,
    }
    bound = {"drain_delay_s": delay_s}
    if missed:
        after_s = (min(missed) - asked_ns) / 1e9
        why = (
            f"{len(missed)} of {n} requests that were sent in the first {delay_s:g} s after SIGTERM were turned away,"
            f" the first after {after_s:.2f} s."
        )
        return failed(NAME, why, evidence=evidence, advice=_advice(record, delay_s), limits=bound)
    if stops[-1].done_ns < until_ns:
        why = f"The server was gone {served_s:.2f} s after SIGTERM (limit {delay_s:g} s)."
        return failed(NAME, why, evidence=evidence, advice=_advice(record, delay_s), limits=bound)
    if len(knocks) < _LEAST:
        why = f"Only {len(knocks)} new connections were tried in {delay_s:g} s after SIGTERM; {_LEAST} are needed."
        return inconclusive(NAME, why, evidence=evidence, limits=bound)
    why = (
        f"None of {n} requests that were sent in the first {delay_s:g} s after SIGTERM was turned away, {len(knocks)}"
        " of them on new connections."
    )
    return passed(NAME, why, evidence=evidence, limits=bound)


def _advice(record: TrialRecord, delay_s: float) -> str:
    grace_s = record.trial.server_settings.leaves_in_s
    return (
        f"Let the service say on {record.trial.ready} that it is not ready when SIGTERM comes, go on serving for"
        f" {delay_s:g} s, and only then close: a worker class or a SIGTERM handler that waits. The wait is part of the"
        f" server's grace ({grace_s:g} s here). Or wait before SIGTERM is sent, with a preStop hook, and set"
        " limits.drain_delay_s to 0."
    )


CHECK = Check(
    NAME,
    "Is anybody turned away right after SIGTERM?",
    judge,
    applies,
    (STARTS, FAULT_PROVEN),
    finds=("F18",),
)
