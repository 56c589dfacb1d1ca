"""What the database and the processes used, as lines over time."""

from __future__ import annotations

from dataclasses import dataclass

from harness.model.observation import DatabaseSampled, ProcessSampled
from harness.model.record import TrialRecord

_SHORTEST_NS = 50_000_000  # CPU time is counted in ticks of 10 ms: a shorter interval tells nothing


@dataclass(frozen=True, slots=True)
class Series:
    """Points (seconds of the trial, value). `step`: the value holds until the next point."""

    name: str
    unit: str
    points: tuple[tuple[float, float], ...]
    step: bool = False


def database_series(record: TrialRecord) -> tuple[Series, ...]:
    """The app's sessions in each PostgreSQL part, those that run a query, and those left open in a transaction."""
    seen = record.of(DatabaseSampled)
    parts = list(dict.fromkeys(each.part for each in seen))
    out = []
    for part in parts:
        mine = [each for each in seen if each.part == part]
        prefix = f"{part} " if len(parts) > 1 else ""
        for name, values in (
            ("sessions", [each.sessions for each in mine]),
            ("active", [each.active for each in mine]),
            ("idle in transaction", [each.idle_in_transaction for each in mine]),
        ):
            if name == "idle in transaction" and not any(value > 0 for value in values):
                continue
            pairs = zip(mine, values, strict=True)
            points = tuple((each.done_ns / 1e9, float(value)) for each, value in pairs if value >= 0)
            if points:
                out.append(Series(prefix + name, "", points, step=True))
    return tuple(out)


def cpu_series(record: TrialRecord) -> tuple[Series, ...]:
    """Share of one core that each process used between two samples, in percent; the supervisor comes last."""
    by_pid: dict[int, list[ProcessSampled]] = {}
    for each in record.of(ProcessSampled):
        if each.cpu_s >= 0:
            by_pid.setdefault(each.pid, []).append(each)
    ordered = sorted(by_pid.values(), key=lambda samples: (samples[0].role == "master", samples[0].done_ns))
    lines = [Series(f"{samples[0].role} {samples[0].pid}", "%", _used(samples)) for samples in ordered]
    return tuple(line for line in lines if line.points)


def _used(samples: list[ProcessSampled]) -> tuple[tuple[float, float], ...]:
    points = []
    last = samples[0]
    for here in samples[1:]:
        elapsed_ns = here.done_ns - last.done_ns
        if elapsed_ns < _SHORTEST_NS:
            continue
        used_s = max(0.0, here.cpu_s - last.cpu_s)
        points.append((here.done_ns / 1e9, round(used_s / (elapsed_ns / 1e9) * 100, 1)))
        last = here
    return tuple(points)
