"""States over time, from probes and process lists: who answered, who hung, who was dead."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import zip_longest
from typing import Literal

from harness.model.observation import FaultChanged, PhaseBegan, ProbeAnswered, ServerStopped, WorkersSeen
from harness.model.record import TrialRecord

State = Literal["held", "stuck", "down"]
MAX_WORKERS = 32


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch of a lane. The state names its colour; `word` is what the lane calls it."""

    start_s: float
    end_s: float
    state: State
    word: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Lane:
    name: str
    segments: tuple[Segment, ...]
    marks_s: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class Stretch:
    """A fault's band or a phase, with its label."""

    label: str
    start_s: float
    end_s: float


def probe_lane(record: TrialRecord, probe: Literal["live", "ready"]) -> Lane:
    """What an orchestrator saw over fresh connections. Each answer holds until the next probe was sent."""
    spec = record.trial.live_probe if probe == "live" else record.trial.ready_probe
    seen = sorted(record.probes(probe, "fresh"), key=lambda each: each.sent_ns)
    name = "liveness" if probe == "live" else "readiness"
    segments = []
    for here, after in zip_longest(seen, seen[1:]):
        silence_s = here.done_ns / 1e9 + 3 * spec.period_s  # a longer gap than this is a gap
        end_s = min(after.sent_ns / 1e9, silence_s) if after else here.done_ns / 1e9
        segments.append(_probed(here, spec.timeout_s, end_s))
    return Lane(name, merged(segments))


def _probed(probe: ProbeAnswered, timeout_s: float, end_s: float) -> Segment:
    start_s = probe.sent_ns / 1e9
    if probe.outcome == "timeout" or probe.took_s > timeout_s:
        return Segment(start_s, end_s, "stuck", "hanging", f"no answer within {timeout_s:g} s")
    if probe.good:
        return Segment(start_s, end_s, "held", "ok", f"status {probe.status}")
    detail = f"status {probe.status}" if probe.outcome == "answered" else probe.outcome
    return Segment(start_s, end_s, "down", "not ok", detail)


def merged(segments: Iterable[Segment]) -> tuple[Segment, ...]:
    """Neighbours that say the same become one."""
    out: list[Segment] = []
    for here in segments:
        last = out[-1] if out else None
        same = last and (last.state, last.word, last.detail) == (here.state, here.word, here.detail)
        if last and same and here.start_s - last.end_s < 0.01:
            out[-1] = replace(last, end_s=max(here.end_s, last.end_s))
        else:
            out.append(here)
    return tuple(out)


def worker_lanes(record: TrialRecord) -> tuple[Lane, ...]:
    """A lane for each place of a worker: a new process takes the place that has been empty for longest."""
    seen = record.of(WorkersSeen)
    if not seen:
        return ()
    places: list[list[tuple[int, int, int]]] = []  # a place holds (pid, first seen, last seen), one after another
    for now in seen:
        living = {place[-1][0]: place for place in places}
        for pid in sorted(now.pids):
            if pid in living:
                place = living[pid]
                place[-1] = (pid, place[-1][1], now.done_ns)
                continue
            free = [place for place in places if place[-1][0] not in now.pids]
            if free:
                min(free, key=lambda place: place[-1][2]).append((pid, now.done_ns, now.done_ns))
            else:
                places.append([(pid, now.done_ns, now.done_ns)])
    end_ns = _drained_ns(record) or seen[-1].done_ns
    return tuple(_worker(record, i, place, end_ns) for i, place in enumerate(places[:MAX_WORKERS], 1))


def _drained_ns(record: TrialRecord) -> int | None:
    """When the server was asked to end at the trial's end: workers that are gone from then on are not dead."""
    drains = [stop.sent_ns for stop in record.of(ServerStopped) if stop.ended_by == "drain"]
    drain = record.phase("drain")
    return min([*drains, *([drain.start_ns] if drain else [])], default=None)


def _worker(record: TrialRecord, number: int, place: Sequence[tuple[int, int, int]], end_ns: int) -> Lane:
    segments: list[Segment] = []
    for i, (pid, first_ns, last_ns) in enumerate(place):
        if i:
            segments.append(Segment(place[i - 1][2] / 1e9, first_ns / 1e9, "down", "dead", f"pid {place[i - 1][0]}"))
        segments += _alive(record, pid, first_ns / 1e9, last_ns / 1e9)
    if place[-1][2] < end_ns:
        segments.append(Segment(place[-1][2] / 1e9, end_ns / 1e9, "down", "dead", f"pid {place[-1][0]}"))
    return Lane(f"worker {number}", tuple(segments), tuple(first_ns / 1e9 for _, first_ns, _ in place[1:]))


def _alive(record: TrialRecord, pid: int, start_s: float, end_s: float) -> list[Segment]:
    """The life of one process: alive, and stuck where its pinned probe had no answer in time."""
    segments = []
    here = start_s
    for probe in sorted(_unanswered(record, pid), key=lambda each: each.sent_ns):
        sent_s, done_s = max(here, probe.sent_ns / 1e9), min(end_s, probe.done_ns / 1e9)
        if done_s <= sent_s:
            continue
        if sent_s > here:
            segments.append(Segment(here, sent_s, "held", "alive", f"pid {pid}"))
        segments.append(
            Segment(sent_s, done_s, "stuck", "stuck", f"pid {pid} leaves its {probe.probe} probe unanswered")
        )
        here = done_s
    if end_s > here or not segments:
        segments.append(Segment(here, end_s, "held", "alive", f"pid {pid}"))
    return list(merged(segments))


def _unanswered(record: TrialRecord, pid: int) -> list[ProbeAnswered]:
    timeout_s = record.trial.live_probe.timeout_s
    pinned = (probe for probe in record.probes("live", "pinned") if probe.pid == pid)
    return [probe for probe in pinned if probe.outcome == "timeout" or probe.took_s > timeout_s]


def phases(record: TrialRecord) -> tuple[Stretch, ...]:
    began = record.of(PhaseBegan)
    ends = [*(each.sent_ns for each in began[1:]), record.last_ns]
    return tuple(
        Stretch(here.phase, here.sent_ns / 1e9, max(ends[i], here.sent_ns) / 1e9)
        for i, here in enumerate(began)
        if here.phase != "end"
    )


def fault_bands(record: TrialRecord) -> tuple[Stretch, ...]:
    """From each apply to the lift of the same fault. Without one: a moment where the fault is over at once, else to the
    end of the fault phase."""
    bands: list[Stretch] = []
    changes = record.of(FaultChanged)
    for i, change in enumerate(changes):
        if change.action != "apply":
            continue
        later = (after for after in changes[i + 1 :] if after.fault == change.fault and after.action != "prove")
        lift = next(later, None)
        end_ns = lift.done_ns if lift and lift.action == "lift" else _unlifted_end_ns(record, change)
        bands.append(Stretch(change.fault, change.sent_ns / 1e9, max(end_ns, change.sent_ns) / 1e9))
    return tuple(bands)


def _unlifted_end_ns(record: TrialRecord, change: FaultChanged) -> int:
    name = change.fault.rpartition(".")[2]
    if any(use.for_s is None and use.id.rpartition(".")[2] == name for use in record.trial.scenario.faults):
        return change.done_ns
    phase = record.phase("fault")
    return phase.end_ns if phase else record.last_ns
