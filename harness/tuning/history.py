"""What kept runs say of one metric, night after night: a line for each thing that can be put beside itself.

A line is of one target, scenario, configuration, load and kind of host. Under another load, or on another machine, the
figures are others, and a step between them would be nobody's doing. What the lines leave out is told with its reason.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from harness.model.target import Scalar
from harness.model.verdict import Outcome, worst
from harness.tuning.metrics import Metric


@dataclass(frozen=True, slots=True)
class Like:
    """What trials have in common that may stand on one line. `load` is a digest: requests, shape, length."""

    target: str
    scenario: str
    config: tuple[tuple[str, Scalar], ...]
    host: str
    load: str


@dataclass(frozen=True, slots=True)
class Kept:
    """One whole trial of a kept run. `sound`: its numbers are those of the service, as a comparison asks."""

    run: str
    began: str
    like: Like
    verdict: Outcome
    sound: bool
    values: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Point:
    """One run on a line: the worst verdict of its trials, and median and range of those that have a value, if any."""

    run: str
    began: str
    verdict: Outcome
    value: float | None
    low: float | None
    high: float | None
    trials: int


@dataclass(frozen=True, slots=True)
class Line:
    like: Like
    points: tuple[Point, ...]

    @property
    def measured(self) -> tuple[Point, ...]:
        return tuple(point for point in self.points if point.value is not None)


@dataclass(frozen=True, slots=True)
class LeftOut:
    """So many trials, runs or folders that no line has, and why."""

    count: int
    what: str
    why: str


@dataclass(frozen=True, slots=True)
class History:
    """The line whose newest point is newest comes first."""

    metric: Metric
    lines: tuple[Line, ...]
    left_out: tuple[LeftOut, ...]


def follow(kept: Iterable[Kept], metric: Metric, scenario: str | None = None, last: int | None = None) -> History:
    """The lines, each with its points in the order of time; only the `last` ones where that is asked."""
    by_like: dict[Like, dict[tuple[str, str], list[Kept]]] = {}
    without = Counter[str]()
    for trial in kept:
        if scenario in (None, trial.like.scenario):
            by_like.setdefault(trial.like, {}).setdefault((trial.began, trial.run), []).append(trial)
            if why := _why_no_value(trial, metric):
                without[why] += 1
    lines = [Line(like, _points(runs, metric, last)) for like, runs in by_like.items()]
    lines.sort(key=lambda line: (line.like.scenario, line.like.target))
    lines.sort(key=lambda line: (line.points[-1].began, line.points[-1].run), reverse=True)
    return History(metric, tuple(lines), tuple(LeftOut(count, "trial", why) for why, count in without.items()))


def _why_no_value(trial: Kept, metric: Metric) -> str:
    if not trial.sound:
        return "the service did not come up, or the machine or the load was not in order: only the verdict is shown"
    if metric.name not in trial.values:
        return f"too few arrivals were answered for a {metric.name}: only the verdict is shown"
    return ""


def _points(runs: Mapping[tuple[str, str], Sequence[Kept]], metric: Metric, last: int | None) -> tuple[Point, ...]:
    points = []
    for (began, run), trials in sorted(runs.items())[-last if last else 0 :]:
        values = [trial.values[metric.name] for trial in trials if not _why_no_value(trial, metric)]
        middle, low, high = (median(values), min(values), max(values)) if values else (None, None, None)
        verdict = worst(tuple(trial.verdict for trial in trials))
        points.append(Point(run, began, verdict, middle, low, high, len(values)))
    return tuple(points)


def shown_config(line: Line, lines: Sequence[Line]) -> dict[str, Scalar]:
    """The configuration as a person reads it; the digest of the load where nothing else tells two lines apart."""
    like = line.like
    alike = [each for each in lines if _without_load(each.like) == _without_load(like)]
    return {**dict(like.config), **({"load": like.load} if len(alike) > 1 else {})}


def _without_load(like: Like) -> tuple[object, ...]:
    return like.target, like.scenario, like.config, like.host
