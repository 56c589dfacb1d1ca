"""No request is open for longer than its deadline, whatever a part does.

A call without a timeout holds its worker's slot and its connection for as long as the part is silent. Only a fault of a
part that lasts longer than the deadline can show it, or one that takes a worker's pool or threads: elsewhere the check
does not apply, for it could not fail. A worker that is frozen cannot keep a deadline of its own, and a broken ingress
is not the app's. The slack of 0.5 s lets an app that answers 504 at its deadline be on time; the client waits 2 s
longer than the deadline, so that a request without a bound shows as its timeout. Nobody knows which worker had a
request: the fault of one worker met those that failed or took a second. So did the request that proved it, where that
was left open; it counts with the load's, which may all have gone to other workers. The default deadline of 10 s is
above the 7 s that the usual limits of a database call add up to (1 s to acquire, twice 3 s for a command) and below the
15 s and more that proxies wait.

Finds F36 (half-open connection), F37 (timeout costs twice), F41 (too many connections), F43 (work for a client that has
gone), F47 (threads used up) and F48 (stale idle connections).
"""

from collections.abc import Sequence

import numpy as np

from harness.model.record import Span, TrialRecord
from harness.model.rows import Outcome
from harness.model.samples import ends_ns
from harness.model.target import Limits
from harness.model.verdict import Verdict

from .check import FAULT_PROVEN, LOAD_PROVEN, MACHINE_FIT, STARTS, Check, failed, inconclusive, passed
from .facts.machine import unless_unfit
from .facts.settings import bounds, call_s, statement_s
from .facts.troubles import Trouble, sigterm_ns, troubles, uses_beside_parts, uses_on_parts

NAME = "requests-bounded"
_HELD_NS = 1_000_000_000


def applies(record: TrialRecord) -> str | None:
    deadline_s = record.trial.slo.deadline_s
    uses = [*uses_on_parts(record.trial), *uses_beside_parts(record.trial)]
    if any(use.outlasts_deadline or (use.for_s or 0.0) > deadline_s for use in uses):
        return None
    return f"no fault of a part lasts longer than the deadline of {deadline_s:g} s"


def judge(record: TrialRecord, limits: Limits) -> Verdict:
    deadline_s = record.trial.slo.deadline_s
    limit_s = deadline_s + limits.answer_slack_s
    bound = {"deadline_s": deadline_s, "answer_slack_s": limits.answer_slack_s}
    if record.trial.timeout_s <= limit_s:
        why = f"The client gives up after {record.trial.timeout_s:g} s, so a request over {limit_s:g} s cannot be seen."
        return inconclusive(NAME, why, advice="Set load.timeout_s above slo.deadline_s + 1.", limits=bound)
    asked = _asked(record)
    exposed = _exposed(record, limit_s) + sum(span.length_s > limit_s for span, _ in asked)
    rows = record.samples
    before = (rows["sent"] >= 0) & (rows["sent"] < sigterm_ns(record))
    open_ns = (ends_ns(rows) - rows["sent"])[before]
    late = rows[before][open_ns > int(limit_s * 1e9)]
    spans = [Span(int(row["sent"]), int(end)) for row, end in zip(late, ends_ns(late), strict=True)]
    spans += [Span(span.start_ns, span.start_ns + int(s * 1e9)) for span, s in asked if s > limit_s]
    requests = len(open_ns) + len(asked)
    longest_s = max(int(open_ns.max(initial=0)) / 1e9, *(waited_s for _, waited_s in asked), 0.0)
    evidence: dict[str, object] = {
        "requests": requests,
        "exposed": exposed,
        "over": len(spans),
        "longest_s": longest_s,
        "lines": {
            line.name: int(np.count_nonzero(late["endpoint"] == index))
            for index, line in enumerate(record.trial.requests)
        },
    }
    if spans:
        verdict = failed(
            NAME,
            f"{len(spans)} of {requests} requests were open for longer than {deadline_s:g} s (+"
            f" {limits.answer_slack_s:g} s), the longest for {longest_s:.1f} s when the client gave up or it ended.",
            evidence=evidence,
            advice=_advice(record),
            limits=bound,
        )
        return unless_unfit(record, limits, verdict, spans)
    if not exposed:
        why = f"No request that needs what was broken was sent {limit_s:g} s before the lift, so none could show it."
        return inconclusive(NAME, why, evidence=evidence, limits=bound)
    why = (
        f"None of {requests} requests was open for longer than {deadline_s:g} s (+ {limits.answer_slack_s:g} s), of"
        f" which {exposed} met the fault for that long; the longest took {longest_s:.1f} s."
    )
    return passed(NAME, why, evidence=evidence, limits=bound)


def _advice(record: TrialRecord) -> str:
    deadline_s = record.trial.slo.deadline_s
    if any(trouble.id == "worker.threads" for trouble in troubles(record)):
        return (
            "Wait for a thread with a limit: from an `async def` endpoint, asyncio.to_thread within"
            f" asyncio.timeout({call_s(record.trial):.3g}), three tenths of slo.deadline_s; a `def` endpoint waits for"
            " its thread without one, and nothing in it can end that."
        )
    return (
        f"Give each request a deadline (asyncio.timeout, at most {deadline_s:g} s), and each call to a part a shorter"
        f" one: {bounds(record.trial)}. asyncpg's command_timeout can cost twice its value, so let PostgreSQL end a"
        f" statement first: statement_timeout = {statement_s(record.trial):.3g}s."
    )


def _exposed(record: TrialRecord, limit_s: float) -> int:
    """How many requests need a broken part and met its fault for longer than the limit."""
    rows, sent, found = record.samples, record.samples["sent"], 0
    for trouble in troubles(record):
        part = trouble.cut_off_from if trouble.has("answering") else trouble.what
        anyones = trouble.has("answering") and not part  # what the worker lacks, any of its requests may need
        if anyones or part in record.trial.part_kinds:
            until = _lift_ns(record, trouble) - int(limit_s * 1e9)
            lines = [i for i, line in enumerate(record.trial.requests) if anyones or part in line.needs]
            met = np.isin(rows["endpoint"], lines) & (sent >= trouble.applied.done_ns) & (sent < until)
            if trouble.what == "worker":
                met &= (rows["code"] != Outcome.OK) | (ends_ns(rows) - sent > _HELD_NS)
            found += int(np.count_nonzero(met))
    return found


def _asked(record: TrialRecord) -> Sequence[tuple[Span, float]]:
    """The questions that proved a fault and were left open: from when to the lift, and for how long unanswered."""
    found = list[tuple[Span, float]]()
    for trouble in troubles(record):
        told = trouble.lifted.evidence if trouble.lifted else {}
        asked_s, waited_s = told.get("asked_before_s"), told.get("waited_s")
        if trouble.lifted and isinstance(asked_s, float | int) and isinstance(waited_s, float | int):
            lift_ns = trouble.lifted.sent_ns
            found.append((Span(lift_ns - int(asked_s * 1e9), lift_ns), waited_s))
    return found


def _lift_ns(record: TrialRecord, trouble: Trouble) -> int:
    return trouble.lifted.sent_ns if trouble.lifted else record.last_ns


CHECK = Check(
    NAME,
    "Is any request open for longer than its deadline?",
    judge,
    applies,
    (STARTS, MACHINE_FIT, LOAD_PROVEN, FAULT_PROVEN),
    finds=("F36", "F37", "F41", "F43", "F47", "F48"),
)
