"""What a trial shows of the ladder of timeouts: which limits are visible in it, and which of two was the first.

A limit is read where it stands (the server's options, the session's settings in PostgreSQL, the target file), and
measured where a fault shows it. A locked table shows who ends a statement: PostgreSQL's own log says whether its limit
did or somebody cancelled it, and the age of the oldest statement is the least that the driver waits. A silent part
shows who ends a request: the service, and after how long, or its client. SIGTERM shows how long it takes to leave, and
what was cut. What the app sets in its own process is not seen otherwise.

No trial has the proxy that users have in front. Where the target file says how long it waits, a request that takes as
long in a trial is one that the proxy would have given up.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from harness.model.ladder import (
    COMMAND,
    DIRECT,
    GRACEFUL,
    PROXY,
    REQUEST,
    STATEMENT,
    TERMINATION,
    Inequality,
    Rung,
    State,
    told_s,
)
from harness.model.observation import DatabaseSampled, InFlightEnded, LogNoted, ServerStopped, SessionLimits
from harness.model.record import Span, TrialRecord
from harness.model.rows import ANSWERED, CUT, GIVEN_UP, Outcome, Rows, in_group
from harness.model.samples import ends_ns
from harness.model.target import Limits
from harness.model.trial import Trial

from .troubles import Trouble, sigterm_ns, troubles

SILENT = ("blackhole", "freeze", "half-open", "accept-then-hang", "hang")
LEAST = 3
"""So many requests or statements show who gives up first; one or two may be chance."""
_WAITED_S = 0.5
_MARGIN_S = 0.5
_ENDED = ("worker-timeout", "worker-killed", "worker-died")
_CLIENT, _PROXY = "load.timeout_s", "target.proxy_timeout_s"
# Of these the graceful timeout is that of the whole end; Uvicorn and Hypercorn count it for requests alone.
_WHOLE_END = ("gunicorn-uvicorn", "gunicorn-asgi", "granian")


@dataclass(frozen=True, slots=True)
class Reading:
    """A limit in seconds (`inf`: there is none within sight), and where the number comes from."""

    rung: Rung
    seconds: float
    source: str

    def told(self) -> str:
        return f"{self.rung} {told_s(self.seconds)} ({self.source})"


@dataclass(frozen=True, slots=True)
class Pair:
    """One inequality as a trial shows it. `saw`: what users saw of it, `spans` where it shows."""

    inequality: Inequality
    state: State
    readings: tuple[Reading, ...]
    saw: str
    counts: Mapping[str, int] = field(default_factory=dict)
    spans: tuple[Span, ...] = ()


def pairs(record: TrialRecord, limits: Limits) -> tuple[Pair, ...]:
    """All that the trial shows, in the order of its faults."""
    found: list[Pair] = []
    for trouble in troubles(record):
        kind = record.trial.part_kinds.get(trouble.what)
        if trouble.name == "lock" and kind == "postgres":
            found += _of_a_lock(record, limits, trouble)
        elif trouble.name in SILENT and kind is not None and trouble.lifted is not None:
            found += _of_silence(record, limits, trouble, is_database=kind == "postgres")
    return (*found, *_of_the_end(record))


# ── a locked table: who ends the statement?


def _of_a_lock(record: TrialRecord, limits: Limits, trouble: Trouble) -> list[Pair]:
    """What a worker that was hurt or killed has asked may go on without it (F42): no driver waits for that any more.

    Whether a fault has killed it, or its supervisor.
    """
    span = _span(record, trouble)
    looks = [seen for seen in record.of(DatabaseSampled) if seen.part == trouble.what and seen.oldest_s >= 0]
    hurt = [each.applied.sent_ns for each in troubles(record) if each.what == "worker"]
    ended = [note.sent_ns for note in record.of(LogNoted) if note.what in _ENDED and note.sent_ns >= span.start_ns]
    alone_ns = min((*hurt, *ended, span.end_ns))
    inside = [seen for seen in looks if span.holds(seen.sent_ns, seen.done_ns) and seen.done_ns <= alone_ns]
    oldest_s = max((seen.oldest_s for seen in inside), default=0.0)
    if oldest_s < _WAITED_S:
        return []
    before = [seen for seen in looks if seen.done_ns <= span.start_ns]
    first = before[-1] if before else inside[0]
    timed_out, cancelled = inside[-1].timed_out - first.timed_out, inside[-1].cancelled - first.cancelled
    saw, counts = _seen_by_users(record, trouble, span)
    counts |= {"timed_out": timed_out, "cancelled": cancelled}
    command = Reading("command", oldest_s, f"at least, measured: so long a statement waited for {_table(trouble)}")
    deadline = Reading("request", record.trial.slo.deadline_s, "slo.deadline_s")
    state = COMMAND.state({"command": oldest_s, "request": deadline.seconds}, limits.answer_slack_s)
    known = inside[-1].timed_out >= 0  # only the log of a server of ours tells who ended a statement
    if state == "unknown" and known and not timed_out and 2 * span.length_s > deadline.seconds + limits.answer_slack_s:
        state = "ordered"  # it would have been longer; how long a connection is waited for shows elsewhere
    found = [Pair(COMMAND, state, (command, deadline), saw, counts, (span,))]
    statement_s = next((seen.statement_s for seen in record.of(SessionLimits) if seen.part == trouble.what), 0.0)
    first_to_go = _who_ended(timed_out, cancelled)
    if first_to_go != "unknown" and (statement_s > 0 or first_to_go == "ordered"):
        read = "the role's statement_timeout" if statement_s > 0 else "measured: PostgreSQL's log says so"
        statement = Reading("statement", statement_s if statement_s > 0 else oldest_s, read)
        found.append(Pair(STATEMENT, first_to_go, (statement, command), saw, counts, (span,)))
    return found


def _who_ended(timed_out: int, cancelled: int) -> State:
    """Some of both tells nothing: not every statement has the same limits."""
    if timed_out >= LEAST and not cancelled:
        return "ordered"
    return "inverted" if cancelled >= LEAST and not timed_out else "unknown"


def _table(trouble: Trouble) -> str:
    return f"the locked table {trouble.applied.evidence.get('table', '')}".rstrip()


# ── a silent part: who ends the request?


def _of_silence(record: TrialRecord, limits: Limits, trouble: Trouble, *, is_database: bool) -> list[Pair]:
    span = _span(record, trouble)
    deadline_s = record.trial.slo.deadline_s
    around, outer = _around(record.trial)
    rows = _sent_within(record, trouble, span)
    ends = ends_ns(rows)
    took_s = (ends - rows["sent"]) / 1e9
    over = ends < span.end_ns
    left = in_group(rows, GIVEN_UP) & over
    answered = in_group(rows, ANSWERED) & (rows["code"] != Outcome.OK) & over
    late = answered & (took_s > deadline_s + limits.answer_slack_s)
    exposed = int(np.count_nonzero(rows["sent"] < span.end_ns - int((deadline_s + limits.answer_slack_s) * 1e9)))
    saw, counts = _seen_by_users(record, trouble, span)
    counts |= {"exposed": exposed}
    promised = Reading("request", deadline_s, "slo.deadline_s")
    outside = _outside(record.trial, saw, counts)
    if np.count_nonzero(late) >= LEAST and is_database:
        ended = _ended(took_s[late], trouble)
        return [Pair(COMMAND, "inverted", (ended, promised), saw, counts, _spans(rows, late)), *outside]
    gone = left
    if around is REQUEST:  # the proxy would have left
        gone = (left | answered) & (took_s >= outer.seconds + limits.answer_slack_s)
    if np.count_nonzero(gone) >= LEAST:
        none = Reading("request", math.inf, f"measured: under {trouble.id} nothing ended them before their client did")
        ended = none if np.count_nonzero(gone & left) >= LEAST else _ended(took_s[gone], trouble)
        return [Pair(around, "inverted", (ended, outer), saw, counts, _spans(rows, gone)), *outside]
    if deadline_s >= outer.seconds:
        return [Pair(around, "inverted", (promised, outer), saw, counts), *outside]
    if exposed < LEAST or np.count_nonzero(answered) < LEAST or np.count_nonzero(left) >= LEAST:
        return outside
    ended = _ended(took_s[answered & ~gone], trouble)
    kept = [Pair(around, "ordered", (ended, outer), saw, counts), *outside]
    return [Pair(COMMAND, "ordered", (ended, promised), saw, counts), *kept] if is_database else kept


def _around(trial: Trial) -> tuple[Inequality, Reading]:
    """Who waits for the service's answer: the proxy in front, or a client of its own."""
    if trial.proxy_s is not None:
        return REQUEST, Reading("proxy", trial.proxy_s, _PROXY)
    return DIRECT, Reading("client", trial.timeout_s, _CLIENT)


def _outside(trial: Trial, saw: str, counts: Mapping[str, int]) -> list[Pair]:
    """The proxy and who waits for it, where the file declares both; the patience of the load is no client's."""
    if trial.proxy_s is None or not trial.client_declared:
        return []
    readings = (Reading("proxy", trial.proxy_s, _PROXY), Reading("client", trial.timeout_s, _CLIENT))
    state = PROXY.state({reading.rung: reading.seconds for reading in readings})
    return [Pair(PROXY, state, readings, saw, counts)]


def _ended(took_s: NDArray[np.float64], trouble: Trouble) -> Reading:
    """What ended it, the command's limit or one around it, nobody outside can tell."""
    source = f"measured: the longest that the service took to end one under {trouble.id}"
    return Reading("request", float(took_s.max()), source)


def _sent_within(record: TrialRecord, trouble: Trouble, span: Span) -> Rows:
    """Requests that need the part and were sent while it was broken."""
    rows = record.samples
    lines = [i for i, line in enumerate(record.trial.requests) if trouble.what in line.needs]
    there = np.isin(rows["endpoint"], lines) & (rows["sent"] >= span.start_ns) & (rows["sent"] < span.end_ns)
    found: Rows = rows[there]
    return found


def _seen_by_users(record: TrialRecord, trouble: Trouble, span: Span) -> tuple[str, dict[str, int]]:
    """How the requests ended that met the fault, for a sentence and as numbers."""
    rows = _sent_within(record, trouble, span)
    counts = {
        "requests": len(rows),
        "good": int(np.count_nonzero(rows["code"] == Outcome.OK)),
        "answered_with_an_error": int(np.count_nonzero(in_group(rows, ANSWERED) & (rows["code"] != Outcome.OK))),
        "given_up_by_their_client": int(np.count_nonzero(in_group(rows, GIVEN_UP))),
    }
    words = ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in counts.items() if name != "requests")
    return f"of {len(rows)} requests that met {trouble.id}, {words}", counts


def _spans(rows: Rows, among: NDArray[np.bool_]) -> tuple[Span, ...]:
    chosen = rows[among]
    return tuple(Span(int(sent), int(end)) for sent, end in zip(chosen["sent"], ends_ns(chosen), strict=True))


def _span(record: TrialRecord, trouble: Trouble) -> Span:
    end_ns = trouble.lifted.sent_ns if trouble.lifted else record.last_ns
    return Span(trouble.applied.done_ns, max(end_ns, trouble.applied.done_ns))


# ── SIGTERM: is there time enough to end?


def _of_the_end(record: TrialRecord) -> list[Pair]:
    """Of a scenario that is about it; the drain that ends every other trial would only say it again."""
    stop = next((seen for seen in reversed(record.of(ServerStopped)) if seen.ended_by == "drain"), None)
    ends = [trouble for trouble in troubles(record) if trouble.has("final") and not trouble.has("fatal")]
    if stop is None or not ends:
        return []
    graceful_s, termination_s = record.trial.server_settings.graceful_s, record.trial.termination_s
    found: list[Pair] = []
    if graceful_s is not None:
        found.append(_graceful(record, stop, Reading("graceful", graceful_s, "the server's setting")))
    if graceful_s is not None and termination_s is not None:
        readings = (
            Reading("graceful", graceful_s, "the server's setting"),
            Reading("termination", termination_s, "target.termination_grace_s"),
        )
        state = TERMINATION.state({reading.rung: reading.seconds for reading in readings})
        cut = _cut(record, sigterm_ns(record))
        saw = f"{len(cut)} requests in hand were cut" + (", and the server had to be killed" if stop.killed else "")
        found.append(Pair(TERMINATION, state, readings, saw, {"cut": len(cut), "killed": int(stop.killed)}))
    return found


def _graceful(record: TrialRecord, stop: ServerStopped, graceful: Reading) -> Pair:
    asked_ns = sigterm_ns(record)
    held = [seen for seen in record.of(InFlightEnded) if seen.accepted_ns >= 0 and seen.done_ns > asked_ns]
    over_ns = asked_ns + int((graceful.seconds - _MARGIN_S) * 1e9)
    cut = [Span(asked_ns, seen.done_ns) for seen in _cut(record, asked_ns) if seen.done_ns >= over_ns]
    cut += _cut_rows(record, asked_ns, over_ns)
    saw = f"{len(held)} requests were held open across SIGTERM, and {len(cut)} cut when the graceful timeout was over"
    counts = {"in_hand": len(held), "cut": len(cut)}
    promised = Reading("request", record.trial.slo.deadline_s, "slo.deadline_s")
    if cut:
        kept = Reading("request", graceful.seconds, "at least, measured: requests in hand were still open then")
        longer = promised if promised.seconds >= graceful.seconds else kept
        return Pair(GRACEFUL, "inverted", (longer, graceful), saw, counts, tuple(cut))
    readings = [promised]
    took_s = (stop.done_ns - stop.sent_ns) / 1e9
    undisturbed = not any(trouble.what in record.trial.part_kinds for trouble in troubles(record))
    if record.trial.server in _WHOLE_END and undisturbed and not stop.killed and took_s < graceful.seconds - _MARGIN_S:
        readings.append(Reading("drain", took_s, "measured: with what is closed, SIGTERM to the end of the server"))
    state = GRACEFUL.state({reading.rung: reading.seconds for reading in (*readings, graceful)})
    spans = (Span(stop.sent_ns, stop.done_ns),) if promised.seconds < graceful.seconds else ()
    return Pair(GRACEFUL, _known(state), (*readings, graceful), saw, counts, spans)


def _known(state: State) -> State:
    """Drain and close are measured together, or are nothing that the server's limit counts."""
    return "ordered" if state == "unknown" else state


def _cut(record: TrialRecord, asked_ns: int) -> Sequence[InFlightEnded]:
    return [
        seen
        for seen in record.of(InFlightEnded)
        if seen.accepted_ns >= 0 and seen.done_ns > asked_ns and seen.outcome in ("reset", "eof")
    ]


def _cut_rows(record: TrialRecord, asked_ns: int, over_ns: int) -> list[Span]:
    """Requests of the load that were sent before SIGTERM, open for a while, and then cut.

    Who comes later may wait in the queue of a listening socket that nobody accepts from any more, until it is closed.
    """
    rows = record.samples
    ends = ends_ns(rows)
    in_hand = (rows["sent"] >= 0) & (rows["sent"] < asked_ns) & (ends - rows["sent"] >= int(_WAITED_S * 1e9))
    return list(_spans(rows, in_hand & in_group(rows, CUT) & (ends >= over_ns)))
