"""SIGTERM drains: what was accepted is answered, and the server leaves by itself and on time.

Each deploy sends SIGTERM. A request that is cut then is an error that a user saw and nobody logged; the exit code is 0
all the same (T06), so it is told, not judged. A request counts as accepted 250 ms before SIGTERM, time enough for a
worker to have it in hand through the proxy; a 5xx is an answer. New connections that are turned away after SIGTERM are
told here, and judged by `drain-delay`. Each trial ends with SIGTERM and requests held open across it; only the one that
is about it has the load on as well. The SIGTERM of a restart is held to the same. The 2 s over the server's own grace
are what a supervisor takes to notice and to kill.

Finds F13 (worker dies while the database is down), F14 (cut at the end of the grace), F15 (shutdown without a limit),
F16 (stuck worker holds up SIGTERM), F30 (lifespan that does not end), F31 (pool closed before its requests), F32 (first
to finish ends the rest) and F34 (cut answer counted as a success).
"""

from dataclasses import dataclass

import numpy as np

from harness.model.fault_traits import has_trait
from harness.model.observation import InFlightEnded, ServerStopped
from harness.model.record import Span, TrialRecord
from harness.model.rows import ANSWERED, CUT, GIVEN_UP, TURNED_AWAY, Rows, in_group
from harness.model.samples import ends_ns
from harness.model.target import Limits
from harness.model.verdict import Verdict

from .check import FAULT_PROVEN, MACHINE_FIT, STARTS, Check, failed, inconclusive, passed
from .facts.machine import unless_unfit
from .facts.settings import ended_by_itself
from .facts.troubles import ends_server, sigterm_ns, troubles

NAME = "graceful-shutdown"
_ENDED_BADLY = CUT | GIVEN_UP
_LOAD_ADVICE = (
    "Declare a POST with a body in [[load.requests]]: half of it is sent, and the request is held open across SIGTERM."
    " Or declare a request that takes longer, or raise load.rate_rps."
)


def applies(record: TrialRecord) -> str | None:
    if any(has_trait(use.id, "final") and has_trait(use.id, "fatal") for use in record.trial.scenario.faults):
        return "the server was killed, and not asked to end"
    if ends_server(record.trial) or any(seen.accepted_ns >= 0 for seen in record.of(InFlightEnded)):
        return None
    if any(seen.ended_by == "itself" for seen in record.of(ServerStopped)):
        return None
    return "no request could be held open across SIGTERM"


def judge(record: TrialRecord, limits: Limits) -> Verdict:
    stops = record.of(ServerStopped)
    if not stops:
        return inconclusive(NAME, "The record does not say how the server ended.")
    stop, asked_ns = stops[-1], sigterm_ns(record)
    if stop.ended_by == "itself":
        why = f"The server ended by itself at {stop.done_ns / 1e9:.1f} s, before it was asked to."
        return failed(NAME, why, advice=ended_by_itself(record))
    ends = [*(_end(record, limits, each, each.sent_ns) for each in _restarts(record))]
    ends.append(_end(record, limits, stop, asked_ns))
    n, lost_n = sum(end.n for end in ends), sum(end.cut for end in ends)
    late = next((end.late for end in ends if end.late), "")
    evidence: dict[str, object] = {
        "in_flight": n,
        "cut": lost_n,
        "cut_requests": [words for end in ends for words in end.words][:10],
        "exit_code": stop.exit_code,
        "took_s": (stop.done_ns - stop.sent_ns) / 1e9,
        "turned_away_after": int(np.count_nonzero(in_group(_after(record.samples, asked_ns), TURNED_AWAY))),
    }
    bounds = {"grace_s": _grace_s(record, stop), "grace_slack_s": limits.grace_slack_s}
    if not lost_n and not late:
        advice = "" if record.of(InFlightEnded) else _LOAD_ADVICE
        return _drained(min(end.n for end in ends), len(ends), limits, evidence, bounds, advice)
    lost = f"{lost_n} of {n} requests in flight were cut" if lost_n else ""
    verdict = failed(
        NAME,
        f"SIGTERM did not drain: {' and '.join(part for part in (lost, late) if part)} (limit 0 cut, grace"
        f" {bounds['grace_s']:g} + {limits.grace_slack_s:g} s).",
        evidence=evidence,
        advice="Finish requests on SIGTERM: set the worker's graceful shutdown 2 to 3 s below the supervisor's"
        f" graceful_timeout (here {bounds['grace_s']:g} s), and that above the longest request (slo.deadline_s is"
        f" {record.trial.slo.deadline_s:g} s).",
        limits=bounds,
    )
    if lost:
        return verdict
    return unless_unfit(record, limits, verdict, [Span(stop.sent_ns, stop.done_ns)])


@dataclass(frozen=True, slots=True)
class _End:
    """One SIGTERM: how many requests were in hand, how many of them were cut, and why it was late, if it was."""

    n: int
    cut: int
    words: tuple[str, ...]
    late: str


def _end(record: TrialRecord, limits: Limits, stop: ServerStopped, asked_ns: int) -> _End:
    held, rows = _held(record, limits, asked_ns), _open_rows(record, limits, asked_ns)
    cut = [seen for seen in held if seen.outcome != "answered"]
    cut_rows = int(np.count_nonzero(in_group(rows, _ENDED_BADLY)))
    words = tuple(f"{seen.request}: {seen.outcome} after {_after_s(seen, asked_ns):.2f} s" for seen in cut)
    return _End(len(held) + len(rows), len(cut) + cut_rows, words, _late(record, limits, stop))


def _restarts(record: TrialRecord) -> list[ServerStopped]:
    """The ends of a server that was started again."""
    found: list[ServerStopped] = []
    for trouble in troubles(record):
        told = trouble.applied.evidence
        if trouble.has("drains") and trouble.applied.ok:
            code, killed = int(told.get("exit_code", -1)), bool(told.get("killed", False))
            stop = ServerStopped("drain", code, killed, -1.0, trouble.applied.sent_ns, trouble.applied.done_ns)
            found.append(stop)
    return found


def _drained(
    least: int, ends: int, limits: Limits, evidence: dict[str, object], bounds: dict[str, float], advice: str
) -> Verdict:
    if least < 1:
        why = (
            f"{least} requests were in flight {limits.accepted_before_ms:g} ms before SIGTERM and still open at it; at"
            " least 1 is needed."
        )
        return inconclusive(NAME, why, evidence=evidence, limits=bounds, advice=advice)
    times = f" at each of {ends} ends" if ends > 1 else ""
    why = (
        f"All {evidence['in_flight']} requests in flight were answered{times}, and the server left after"
        f" {evidence['took_s']:.1f} s"
        f" (grace {bounds['grace_s']:g} + {limits.grace_slack_s:g} s)."
    )
    return passed(NAME, why, evidence=evidence, limits=bounds)


def _held(record: TrialRecord, limits: Limits, asked_ns: int) -> list[InFlightEnded]:
    """Requests of the in-flight probe that a worker had in hand at SIGTERM. Trouble of our own is left out."""
    border = asked_ns - int(limits.accepted_before_ms * 1e6)
    return [
        seen
        for seen in record.of(InFlightEnded)
        if 0 <= seen.accepted_ns <= border and seen.done_ns > asked_ns and seen.outcome != "error"
    ]


def _open_rows(record: TrialRecord, limits: Limits, asked_ns: int) -> Rows:
    """Requests of the load that were sent long enough before SIGTERM and ended after it, in a way that tells."""
    rows = record.samples
    border = asked_ns - int(limits.accepted_before_ms * 1e6)
    there = (rows["sent"] >= 0) & (rows["sent"] <= border) & (ends_ns(rows) > asked_ns)
    telling = in_group(rows, ANSWERED | _ENDED_BADLY)
    return rows[there & telling]


def _after(rows: Rows, asked_ns: int) -> Rows:
    return rows[rows["intended"] >= asked_ns]


def _after_s(seen: InFlightEnded, asked_ns: int) -> float:
    return (seen.done_ns - asked_ns) / 1e9


def _grace_s(record: TrialRecord, stop: ServerStopped) -> float:
    settled = record.trial.server_settings.graceful_s
    return stop.grace_s if settled is None else settled


def _late(record: TrialRecord, limits: Limits, stop: ServerStopped) -> str:
    took_s = (stop.done_ns - stop.sent_ns) / 1e9
    if stop.killed:
        return f"the server had to be killed after {took_s:.1f} s"
    if took_s > _grace_s(record, stop) + limits.grace_slack_s:
        return f"the server left after {took_s:.1f} s"
    return ""


CHECK = Check(
    NAME,
    "Does SIGTERM drain?",
    judge,
    applies,
    (STARTS, MACHINE_FIT, FAULT_PROVEN),
    finds=("F13", "F14", "F15", "F16", "F30", "F31", "F32", "F34"),
)
