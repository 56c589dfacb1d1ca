"""A history for a terminal and a pipe: a row for each run, and on a terminal a small picture of the line."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from harness.tuning.history import LeftOut, Point
from harness.tuning.metrics import Metric
from reports.history.view import HistoryView, told_drift, when
from reports.plain import one_line
from reports.words import SYMBOL, SYMBOL_ASCII, WORD, counted

_BARS, _BARS_ASCII = "▁▂▃▄▅▆▇█", "_.-=+*#@"
_WIDEST = 100


def history_text(view: HistoryView, picture: bool = False, ascii_only: bool = False) -> str:
    metric = view.history.metric
    lines = [f"{metric.name}: {metric.says}, before anything was broken ({metric.better} is better)"]
    for each in view.lines:
        lines += ["", one_line(each.title), f"  {one_line(each.where)}"]
        lines += _rows(each.line.points, metric, ascii_only)
        if picture:
            lines += _picture(each.line.points, ascii_only)
        lines += [f"  {one_line(sentence)}" for sentence in told_drift(each, metric.digits, metric.unit)]
    if view.note:
        lines += ["", view.note]
    if view.history.left_out:
        lines += ["", "left out:", *(f"  {told_left_out(each)}" for each in view.history.left_out)]
    text = "\n".join(line.rstrip() for line in lines) + "\n"
    return text.encode("ascii", "replace").decode() if ascii_only else text


def told_left_out(each: LeftOut) -> str:
    return f"{counted(each.count, each.what)}: {one_line(each.why)}"


def _rows(points: Sequence[Point], metric: Metric, ascii_only: bool) -> Iterator[str]:
    symbols = SYMBOL_ASCII if ascii_only else SYMBOL
    rows = [
        [when(point.began), f"{symbols[point.verdict]} {WORD[point.verdict]}", told_value(point, metric), point.run]
        for point in points
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    for row in rows:
        yield "  " + "  ".join(one_line(cell).ljust(width) for cell, width in zip(row, widths, strict=True))


def told_value(point: Point, metric: Metric) -> str:
    if point.value is None or point.low is None or point.high is None:
        return "n/a"
    told = f"{point.value:.{metric.digits}f} {metric.unit}"
    if point.trials == 1:
        return told
    return f"{told} ({point.low:.{metric.digits}f} to {point.high:.{metric.digits}f}, {point.trials} trials)"


def _picture(points: Sequence[Point], ascii_only: bool) -> Iterator[str]:
    """A bar for each run from zero up, so that a bar twice as high is twice as much; a gap where there is no value."""
    values = [point.value for point in points[-_WIDEST:]]
    top = max((value for value in values if value is not None), default=0.0)
    if top > 0 and len(values) > 1:
        bars = _BARS_ASCII if ascii_only else _BARS
        yield "  " + "".join(" " if value is None else bars[min(7, int(8 * value / top))] for value in values)
