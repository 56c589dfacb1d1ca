"""The numbers behind the picture as tables. Each is hidden until asked for, but for the one by phase."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from harness.model.observation import (
    FaultChanged,
    InFlightEnded,
    LogNoted,
    Noted,
    OrphansScanned,
    PhaseName,
    ServerStopped,
)
from harness.model.record import TrialRecord
from harness.model.rows import Rows
from harness.model.samples import errors, inside, overlapping, quantiles, response_ns
from reports.html.lanes import Lane
from reports.html.traffic import KINDS, Second

MAX_LINES = 500
_PHASES: tuple[PhaseName, ...] = ("baseline", "fault", "recovery")


@dataclass(frozen=True, slots=True)
class Table:
    """`wide` columns hold text and are set to the left; the others hold numbers."""

    title: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    wide: frozenset[int] = frozenset()
    note: str = ""


def phase_table(record: TrialRecord, rows: Rows) -> Table:
    """What the load met in each phase. A request that meets the fault belongs to it."""
    body = []
    for name in _PHASES:
        span = record.phase(name)
        if span is None:
            continue
        mine = (overlapping if name == "fault" else inside)(rows, span.start_ns, span.end_ns)
        share, times = errors(mine), quantiles(response_ns(mine))
        bad = f"{share.count:,} ({share.value:.2%})" if share.n else "no samples"
        took = (times.p50_ns, times.p90_ns, times.p99_ns, times.max_ns) if times else ()
        told = [_ms(value / 1e6) for value in took] or ["no answers"] * 4
        body.append((name, f"{span.length_s:.1f}", f"{share.n:,}", bad, *told))
    head = ("phase", "s", "requests", "errors", "p50 ms", "p90 ms", "p99 ms", "max ms")
    return Table("By phase", head, tuple(body), frozenset({0}), "Times of answers, counted from when they were due.")


def detail_tables(record: TrialRecord, seconds: Sequence[Second], lanes: Sequence[Lane]) -> list[Table]:
    """Those that have rows."""
    tables = (_seconds(seconds), _states(lanes), _faults(record), _in_flight(record), _log(record), _end(record))
    return [table for table in tables if table.rows]


def _seconds(seconds: Sequence[Second]) -> Table:
    kinds = [kind for kind in KINDS if any(second.counts[kind.name] for second in seconds)]
    rows = tuple(
        (
            str(second.second),
            _ms(second.p50_ms),
            ("≥ " if second.p99_open else "") + _ms(second.p99_ms),
            *(f"{second.counts[kind.name]:,}" for kind in kinds),
        )
        for second in seconds
    )
    return Table("The load, second by second", ("s", "p50 ms", "p99 ms", *(kind.name for kind in kinds)), rows)


def _states(lanes: Sequence[Lane]) -> Table:
    rows = [
        (
            lane.name,
            part.word,
            f"{part.start_s:.2f}",
            f"{part.end_s:.2f}",
            f"{part.end_s - part.start_s:.2f}",
            part.detail,
        )
        for lane in lanes
        for part in lane.segments
    ]
    head = ("lane", "state", "from s", "to s", "for s", "detail")
    return _cut(Table("Probes and workers", head, tuple(rows), frozenset({0, 1, 5})))


def _faults(record: TrialRecord) -> Table:
    rows = [
        (
            seen.fault,
            seen.action,
            f"{seen.sent_ns / 1e9:.3f}",
            f"{(seen.done_ns - seen.sent_ns) / 1e6:.1f}",
            "yes" if seen.ok else "no",
            seen.why,
            _pairs(seen.evidence.items()),
        )
        for seen in record.of(FaultChanged)
    ]
    head = ("fault", "action", "at s", "took ms", "ok", "why", "evidence")
    return Table("Faults", head, tuple(rows), frozenset({0, 1, 4, 5, 6}))


def _in_flight(record: TrialRecord) -> Table:
    rows = [
        (
            seen.request,
            str(seen.pid) if seen.pid >= 0 else "",
            f"{seen.accepted_ns / 1e9:.3f}" if seen.accepted_ns >= 0 else "never",
            f"{seen.done_ns / 1e9:.3f}",
            seen.outcome,
            str(seen.status) if seen.status >= 0 else "",
        )
        for seen in record.of(InFlightEnded)
    ]
    head = ("request", "pid", "accepted at s", "ended at s", "outcome", "status")
    return _cut(Table("Requests in flight at the end", head, tuple(rows), frozenset({0, 4})))


def _log(record: TrialRecord) -> Table:
    rows = [
        (seen.kind, seen.what, f"{seen.done_ns / 1e9:.3f}" if seen.done_ns >= 0 else "", seen.text)
        for seen in record.observations
        if isinstance(seen, LogNoted | Noted)
    ]
    return _cut(Table("Log lines and notes", ("from", "what", "at s", "text"), tuple(rows), frozenset({0, 1, 3})))


def _end(record: TrialRecord) -> Table:
    rows = []
    for seen in record.of(ServerStopped):
        how = "killed" if seen.killed else f"exit code {seen.exit_code}"
        took = f"{(seen.done_ns - seen.sent_ns) / 1e9:.2f} s of {seen.grace_s:g} s of grace"
        rows.append((f"server ended by {seen.ended_by}", f"{seen.done_ns / 1e9:.2f}", f"{how}, {took}"))
    for scan in record.of(OrphansScanned):
        left = ", ".join(f"{pid} {name}" for pid, name in zip(scan.pids, scan.commands, strict=False)) or "none"
        rows.append(("processes left", f"{scan.done_ns / 1e9:.2f}", left))
    return Table("The end", ("what", "at s", "detail"), tuple(rows), frozenset({0, 2}))


def _cut(table: Table) -> Table:
    if len(table.rows) <= MAX_LINES:
        return table
    note = f"The first {MAX_LINES} of {len(table.rows):,} rows; observations.jsonl has all."
    return Table(table.title, table.head, table.rows[:MAX_LINES], table.wide, note)


def _ms(value: float | None) -> str:
    if value is None:
        return "–"
    return f"{value:.1f}" if value < 100 else f"{value:,.0f}"


def _pairs(items: Iterable[tuple[str, object]]) -> str:
    return ", ".join(f"{key} {value}" for key, value in items)
