"""Probes as an orchestrator counts them, on fresh connections and on those kept to each worker."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from harness.model.observation import ProbeAnswered, WorkerPinned, WorkersSeen
from harness.model.record import Span, TrialRecord
from harness.model.target import ProbeSpec

from .machine import excused
from .troubles import Trouble

_KILL_SLACK_NS = 250_000_000  # how long after a kill a connection of the dead worker may still break


@dataclass(frozen=True, slots=True)
class Stream:
    """The probes of one kind over one way in: `fresh`, or the connection kept to worker `pid`."""

    name: str
    pid: int
    probes: tuple[ProbeAnswered, ...]


def spec_of(record: TrialRecord, probe: str) -> ProbeSpec:
    return record.trial.live_probe if probe == "live" else record.trial.ready_probe


def is_up(probe: ProbeAnswered, spec: ProbeSpec) -> bool:
    """Good, and in time."""
    return probe.good and probe.took_s <= spec.timeout_s


def says(probe: ProbeAnswered, spec: ProbeSpec) -> bool | None:
    """Up, down, or nothing: a kept connection that ended in time says nothing of the worker, nor does a probe that
    was cut off before its time was over."""
    if is_up(probe, spec):
        return True
    if probe.took_s > spec.timeout_s:
        return False
    if probe.outcome == "timeout" or (probe.via == "pinned" and probe.outcome in ("eof", "reset")):
        return None
    return False


def known_ns(probe: ProbeAnswered, spec: ProbeSpec) -> int:
    """When an orchestrator knows: at the answer, or when its patience ends."""
    return min(probe.done_ns, probe.sent_ns + int(spec.timeout_s * 1e9))


def fresh(record: TrialRecord, probe: str, span: Span) -> Stream:
    found = sorted(record.probes(probe, "fresh", span), key=lambda seen: seen.sent_ns)
    return Stream("fresh connections", -1, tuple(found))


def pinned(record: TrialRecord, probe: str, span: Span) -> tuple[Stream, ...]:
    """One stream for each worker that was probed over a connection of its own, by pid."""
    by_pid: dict[int, list[ProbeAnswered]] = {}
    for seen in record.probes(probe, "pinned", span):
        by_pid.setdefault(seen.pid, []).append(seen)
    return tuple(
        Stream(f"worker {pid}", pid, tuple(sorted(by_pid[pid], key=lambda seen: seen.sent_ns)))
        for pid in sorted(by_pid)
    )


def pids_before(record: TrialRecord, moment_ns: int) -> frozenset[int]:
    """Workers that were known before a moment."""
    pids = {seen.pid for seen in record.of(WorkerPinned) if seen.done_ns < moment_ns}
    for workers in record.of(WorkersSeen):
        if workers.done_ns < moment_ns:
            pids.update(workers.pids)
    return frozenset(pids)


def pids_at(record: TrialRecord, moment_ns: int) -> tuple[int, ...]:
    """Workers alive when they were last seen before a moment."""
    last: tuple[int, ...] = ()
    for workers in record.of(WorkersSeen):
        if workers.done_ns <= moment_ns:
            last = workers.pids
    return tuple(sorted(last))


def was_on_hurt_worker(probe: ProbeAnswered, hurt: Iterable[Trouble]) -> bool:
    """May the probe have been in the hands of a worker when a fault hit it: its own, or open on a fresh connection?"""
    for trouble in hurt:
        if trouble.what != "worker":
            continue
        if probe.via == "pinned" and probe.pid == trouble.pid:
            return True
        begun = probe.sent_ns <= trouble.applied.done_ns + _KILL_SLACK_NS
        if probe.via == "fresh" and begun and probe.done_ns >= trouble.applied.sent_ns:
            return True
    return False


def steady_since(probes: Sequence[ProbeAnswered], spec: ProbeSpec, forgiven: Sequence[Span] = ()) -> int | None:
    """When the first good answer came after which no bad one followed; None when the last one is bad, or none came."""
    since: int | None = None
    for probe in reversed(probes):
        said = says(probe, spec)
        if said is False and not excused(forgiven, probe.sent_ns, probe.done_ns):
            break
        if said:
            since = probe.done_ns
    return since
