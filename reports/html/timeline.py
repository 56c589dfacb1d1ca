"""The timeline of a trial: everything that was seen, one panel below the other, on one axis.

faults      ▼ postgres.refuse
latency     dots on a log scale, p50 and p99; a rug for what has no latency
traffic     requests a second by outcome, errors a second
lanes       readiness, liveness, each worker
resources   database sessions, CPU of each process
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from harness.model.observation import LogNoted, Noted, StackTaken
from harness.model.record import TrialRecord
from harness.model.rows import Rows
from reports.html.lanes import MAX_WORKERS, Lane, fault_bands, phases, probe_lane, worker_lanes
from reports.html.resources import Series, cpu_series, database_series
from reports.html.stack import stack
from reports.html.svg import INNER, SIGNS, X_UNIT, Key, Plot, Scale, ticks_linear, ticks_log
from reports.html.traffic import (
    ERRORS,
    KINDS,
    OK,
    WITHOUT_ANSWER,
    WRONG,
    Kind,
    Second,
    due_s,
    latency_points,
    placed_rows,
    seconds_of,
)
from reports.words import counted

GRID_ABOVE = 20_000
_LANE = 22.0
_SHARE = {"held": 0.5, "stuck": 0.78, "down": 1.0}  # the worse, the taller
_DASH = {"held": "", "stuck": "2 4", "down": "9 5"}
_LINES = (("s1", ""), ("s2", "6 3"), ("s3", "2 2"), ("s4", "8 2 2 2"))


@dataclass(frozen=True, slots=True)
class Timeline:
    """The picture, and the same as values, for the cross-hair and the tables."""

    svg: str
    length_s: float
    seconds: tuple[Second, ...]
    lanes: tuple[Lane, ...]
    series: tuple[Series, ...]
    note: str


def draw(record: TrialRecord, name: str) -> Timeline:
    """Always a picture: a panel without data says so."""
    rows = placed_rows(record)
    seconds = seconds_of(rows)
    probes = (probe_lane(record, "ready"), probe_lane(record, "live"))
    workers = worker_lanes(record)
    databases, processors = database_series(record), cpu_series(record)
    bands = fault_bands(record)
    latency, note = _latency(record, rows, seconds)
    plots = [latency, _rug(rows), _requests(seconds), _errors(seconds)]
    plots += [_lane_plot("probes", "Probes", probes, ("ok", "hanging", "not ok"))]
    plots += [_lane_plot("workers", "Workers", workers, ("alive", "stuck", "dead"))]
    plots += [_series_plot("database", "Database", databases), _series_plot("cpu", "CPU, % of a core", processors)]
    plots += _events(record)
    length_s = _length_s(record, seconds)
    svg = stack(plots, bands, phases(record), length_s, f"Timeline of {name}", _told(seconds, (*probes, *workers)))
    return Timeline(svg, length_s, seconds, (*probes, *workers), (*databases, *processors), note)


def _length_s(record: TrialRecord, seconds: Sequence[Second]) -> float:
    ends = [record.last_ns / 1e9, seconds[-1].second + 1.0 if seconds else 0.0, 1.0]
    return math.ceil(max(ends) * 2) / 2


def _latency(record: TrialRecord, rows: Rows, seconds: Sequence[Second]) -> tuple[Plot, str]:
    points = {kind: latency_points(rows, kind) for kind in (OK, WRONG)}
    values = [float(ms.max()) for _, ms in points.values() if len(ms)]
    values += [second.p99_ms for second in seconds if second.p99_ms]
    slo_ms = record.trial.slo.p99_ms
    high = 10 ** math.ceil(math.log10(max([*values, slo_ms, 100.0]) * 1.05))
    scale = Scale(0.5, high, 220, log=True)
    plot = Plot("latency", "Latency, ms (log)", scale, ticks_log(0.5, high))
    cells = {kind: _cells(*points[kind], scale) for kind in (OK, WRONG)}
    plot.dots(cells[OK], OK.color, 2.4, 0.55, f"{OK.name}: {len(points[OK][1]):,} answers")
    plot.level(slo_ms, "mut", f"SLO p99 {slo_ms:g} ms")
    middle = [(second.second + 0.5, second) for second in seconds]
    plot.line([(at, second.p50_ms) for at, second in middle], "line", width=1.8, title="p50 of each second")
    plot.line([(at, second.p99_ms) for at, second in middle], "line", dash="5 4", title="p99 of each second")
    waits = [(at * X_UNIT, scale.y(second.p99_ms)) for at, second in middle if second.p99_open and second.p99_ms]
    plot.dots(waits, "timeout", 6, 1, "p99 is at least this: what it counts had no answer")
    plot.dots(cells[WRONG], WRONG.color, 3.6, 0.9, f"{WRONG.name}: {len(points[WRONG][1]):,}")
    plot.keys += [
        Key("●", "ok", "dot"),
        Key("●", "wrong answer", "bad"),
        Key(SIGNS[""], "p50 of all answers", "line"),
        Key(SIGNS["5 4"], "p99", "line"),
    ]
    if waits:
        plot.keys.append(Key("●", "p99 ≥ this: no answer came", "timeout"))
    if not len(rows):
        plot.title += ": no samples"
    return plot, _left_out(*((len(cells[kind]), len(points[kind][1])) for kind in (OK, WRONG)))


def _cells(at_s: NDArray[np.float64], ms: NDArray[np.float64], scale: Scale) -> list[tuple[float, float]]:
    """Where dots lie. Very many are snapped to a grid of about a pixel and drawn once a cell."""
    if len(at_s) <= GRID_ABOVE:
        return list(zip((at_s * X_UNIT).tolist(), scale.ys(ms).tolist(), strict=True))
    cell_s = _cell_s(at_s)
    grid = np.zeros((round(float(at_s.max()) / cell_s) + 1, math.ceil(scale.height) + 1), np.bool_)
    for first in range(0, len(at_s), GRID_ABOVE):
        part = slice(first, first + GRID_ABOVE)
        grid[np.rint(at_s[part] / cell_s).astype(np.int32), np.rint(scale.ys(ms[part])).astype(np.int32)] = True
    full = np.nonzero(grid)
    return list(zip((full[0] * cell_s * X_UNIT).tolist(), full[1].tolist(), strict=True))


def _cell_s(at_s: NDArray[np.float64]) -> float:
    return max(0.3, float(at_s.max() - at_s.min()) / INNER)


def _left_out(good: tuple[int, int], wrong: tuple[int, int]) -> str:
    """What is not drawn, as dots drawn and dots that there are."""
    if good[0] == good[1] and wrong[0] == wrong[1]:
        return ""
    told = f"{good[0]:,} of {good[1]:,} dots of good answers are drawn, one a cell; "
    return told + ("all errors are." if wrong[0] == wrong[1] else f"of wrong answers {wrong[0]:,} of {wrong[1]:,}.")


def _rug(rows: Rows) -> Plot:
    kinds = [(kind, due_s(rows, kind)) for kind in WITHOUT_ANSWER]
    shown = [(kind, due) for kind, due in kinds if len(due)]
    if not shown:
        said = "No answer: none, each request was answered" if len(rows) else "No answer: no samples"
        return Plot("rug", said, Scale(0, 1, 4))
    names = [kind.name for kind, _ in shown]
    plot = Plot("rug", "No answer, so no latency (a tick each)", Scale(0, 1, 15.0 * len(shown)), rows=names)
    for i, (kind, due) in enumerate(shown):
        drawn = np.unique(np.rint(due / _cell_s(due))) * _cell_s(due) if len(due) > GRID_ABOVE else due
        plot.marks(drawn.tolist(), 15 * i + 2, 11, kind.color, 1.6, f"{kind.name}: {len(due):,}")
    return plot


def _requests(seconds: Sequence[Second]) -> Plot:
    top, ticks = ticks_linear(max((sum(second.counts.values()) for second in seconds), default=0))
    plot = Plot("requests", "Requests a second, by outcome", Scale(0, top, 90), ticks)
    starts = [float(second.second) for second in seconds]
    low = [0.0] * len(seconds)
    for kind in KINDS:
        if kind is not OK and not _any(seconds, kind):
            continue
        high = [under + second.counts[kind.name] for under, second in zip(low, seconds, strict=True)]
        color = "held" if kind is OK else kind.color
        plot.columns(starts, low, high, color)
        plot.keys.append(Key("■", kind.name, color))
        low = high
    return _or_empty(plot, seconds)


def _errors(seconds: Sequence[Second]) -> Plot:
    shown = [kind for kind in ERRORS if _any(seconds, kind)]
    if seconds and not shown:
        return Plot("errors", "Errors a second: none", Scale(0, 1, 4))
    most = max((second.counts[kind.name] for second in seconds for kind in shown), default=0)
    top, ticks = ticks_linear(most)
    plot = Plot("errors", "Errors a second", Scale(0, top, 50), ticks)
    for kind in shown:
        line = [(float(second.second), float(second.counts[kind.name])) for second in seconds]
        line.append((line[-1][0] + 1, line[-1][1]))  # the last second is a second long too
        plot.line(line, kind.color, dash=kind.dash, width=1.8, step=True, title=kind.name)
        plot.keys.append(Key(SIGNS[kind.dash], kind.name, kind.color))
    return _or_empty(plot, seconds)


def _any(seconds: Sequence[Second], kind: Kind) -> bool:
    return any(second.counts[kind.name] for second in seconds)


def _or_empty(plot: Plot, seconds: Sequence[Second]) -> Plot:
    if seconds:
        return plot
    return replace(plot, title=f"{plot.title}: no samples", scale=replace(plot.scale, height=14), ticks=(), keys=[])


def _lane_plot(id: str, title: str, lanes: Sequence[Lane], words: tuple[str, str, str]) -> Plot:
    if not any(lane.segments for lane in lanes):
        return Plot(id, f"{title}: no observations", Scale(0, 1, 4))
    plot = Plot(id, title, Scale(0, 1, _LANE * len(lanes)), rows=[lane.name for lane in lanes])
    for row, lane in enumerate(lanes):
        for part in lane.segments:
            told = f"{lane.name}: {part.word}, {part.start_s:.2f} to {part.end_s:.2f} s ({part.detail})"
            plot.bar(row, part.start_s, part.end_s, part.state, _SHARE[part.state], _DASH[part.state], told)
        plot.marks(lane.marks_s, _LANE * row + 1, _LANE - 2, "line", 2.5, f"{lane.name}: new pid")
    plot.keys += [
        Key(sign, word, state) for sign, word, state in zip("▬■▮", words, ("held", "stuck", "down"), strict=True)
    ]
    if any(lane.marks_s for lane in lanes):
        plot.keys.append(Key("|", "new pid", "line"))
    if len(lanes) == MAX_WORKERS:
        plot.title += f" (the first {MAX_WORKERS})"
    return plot


def _series_plot(id: str, title: str, series: Sequence[Series]) -> Plot:
    if not series:
        return Plot(id, f"{title}: no observations", Scale(0, 1, 4))
    top, ticks = ticks_linear(max(value for each in series for _, value in each.points))
    plot = Plot(id, title, Scale(0, top, 60), ticks)
    for i, each in enumerate(series):
        color, dash = _LINES[i % len(_LINES)]
        plot.line(each.points, color, dash=dash, width=1.6, step=each.step, title=each.name)
        if i < 8:
            plot.keys.append(Key(SIGNS[dash], each.name, color))
    if len(series) > 8:
        plot.keys.append(Key("…", f"and {len(series) - 8} more", "mut"))
    return plot


def _events(record: TrialRecord) -> list[Plot]:
    """What the server's log and the conductor had to say, a tick each; the tables below have the words."""
    told = (
        ("log", [seen.done_ns for seen in record.of(LogNoted)], "s1"),
        ("note", [seen.done_ns for seen in record.of(Noted) if seen.done_ns >= 0], "s3"),
        ("stack", [seen.done_ns for seen in record.of(StackTaken)], "down"),
    )
    shown = [each for each in told if each[1]]
    if not shown:
        return []
    plot = Plot("events", "Events", Scale(0, 1, 15.0 * len(shown)), rows=[name for name, _, _ in shown])
    for i, (name, moments, color) in enumerate(shown):
        plot.marks([at / 1e9 for at in moments], 15 * i + 2, 11, color, 2, f"{name}: {counted(len(moments), 'event')}")
    return [plot]


def _told(seconds: Sequence[Second], lanes: Sequence[Lane]) -> str:
    """The picture in a sentence, for those who hear it."""
    total = sum(sum(second.counts.values()) for second in seconds)
    good = sum(second.counts[OK.name] for second in seconds)
    parts = [f"{good:,} of {total:,} requests answered well" if total else "no samples"]
    for lane in lanes:
        for part in lane.segments:
            if part.state != "held" and len(parts) < 12:
                parts.append(f"{lane.name} {part.word} from {part.start_s:.1f} to {part.end_s:.1f} s")
    return "; ".join(parts) + "."
