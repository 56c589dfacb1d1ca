"""A history with what was looked for in it: the lines, each with its drift."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from harness.model.target import Scalar
from harness.tuning.drift import MISSING, Drift, Segment, find_drift
from harness.tuning.history import History, Line, Point, shown_config


@dataclass(frozen=True, slots=True)
class LineView:
    """`changed` are the points from which on the metric was another, in the order of the drift's changes."""

    line: Line
    config: Mapping[str, Scalar]
    drift: Drift
    changed: tuple[Point, ...]

    @property
    def title(self) -> str:
        return f"{self.line.like.scenario} of {self.line.like.target}"

    @property
    def where(self) -> str:
        told = {key: f"{value:g}" if isinstance(value, float) else value for key, value in self.config.items()}
        return f"{', '.join(f'{key}={value}' for key, value in told.items())}; on {self.line.like.host}"


@dataclass(frozen=True, slots=True)
class HistoryView:
    runs: str
    history: History
    lines: tuple[LineView, ...]

    @property
    def note(self) -> str:
        """What holds for all lines, so that it is told once."""
        return MISSING if any(each.drift.why_not == MISSING for each in self.lines) else ""


def view_history(runs: str, history: History, segment: Segment | None) -> HistoryView:
    """`segment` as of `find_drift`."""
    found = []
    for line in history.lines:
        drift = find_drift([point.value for point in line.measured if point.value is not None], segment)
        changed = tuple(line.measured[change.at] for change in drift.changes)
        found.append(LineView(line, shown_config(line, history.lines), drift, changed))
    return HistoryView(runs, history, tuple(found))


def told_drift(view: LineView, digits: int, unit: str) -> list[str]:
    """A sentence for each change, or one that says why there is none."""
    if view.drift.why_not:
        return [] if view.drift.why_not == MISSING else [view.drift.why_not]
    if not view.changed:
        return [f"no drift seen in {len(view.line.measured)} points"]
    return [
        f"drift: {change.after:.{digits}f} {unit} from {when(point.began)} on, {change.before:.{digits}f} before"
        f" ({100 * (change.ratio - 1):+.0f} %), with run {point.run}"
        for change, point in zip(view.drift.changes, view.changed, strict=True)
    ]


def when(began: str) -> str:
    """To the minute, as the manifest has it, in UTC."""
    return began[:16].replace("T", " ")
