"""The `--json` document of a history."""

from __future__ import annotations

from dataclasses import asdict

from reports.document import SCHEMA_VERSION
from reports.history.view import HistoryView, LineView


def history_document(view: HistoryView) -> dict[str, object]:
    metric = view.history.metric
    return {
        "schema_version": SCHEMA_VERSION,
        "runs": view.runs,
        "metric": {"name": metric.name, "unit": metric.unit, "better": metric.better},
        "lines": [_line(each) for each in view.lines],
        "left_out": [asdict(each) for each in view.history.left_out],
    }


def _line(view: LineView) -> dict[str, object]:
    like = view.line.like
    changes = zip(view.drift.changes, view.changed, strict=True)
    return {
        "target": like.target,
        "scenario": like.scenario,
        "config": dict(like.config),
        "load": like.load,
        "host": like.host,
        "points": [asdict(point) for point in view.line.points],
        "drift": {
            "why_not": view.drift.why_not or None,
            "changes": [
                {"run": point.run, "before": change.before, "after": change.after, "ratio": change.ratio}
                for change, point in changes
            ],
        },
    }
