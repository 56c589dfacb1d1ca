"""The page of a history: a chart and a table for each line, and what no line has."""

from __future__ import annotations

from markupsafe import Markup

from harness.model.verdict import worst
from reports.history.figure import chart
from reports.history.text import told_left_out, told_value
from reports.history.view import HistoryView, LineView, told_drift, when
from reports.html.frame import fill
from reports.words import counted


def history_page(view: HistoryView) -> str:
    metric = view.history.metric
    newest = worst(tuple(each.line.points[-1].verdict for each in view.lines))
    return fill(
        "history.html.j2",
        newest,
        metric=metric,
        runs=view.runs,
        count=counted(len({point.run for each in view.lines for point in each.line.points}), "run"),
        lines=[_line(each, view) for each in view.lines],
        left_out=[told_left_out(each) for each in view.history.left_out],
        note=view.note,
    )


def _line(each: LineView, view: HistoryView) -> dict[str, object]:
    metric = view.history.metric
    return {
        "title": each.title,
        "where": each.where,
        "figure": Markup(chart(each, metric)),
        "drift": told_drift(each, metric.digits, metric.unit),
        "rows": [
            (when(point.began), point.verdict, told_value(point, metric), point.run)
            for point in reversed(each.line.points)
        ],
    }
