"""The `--json` document of a sweep: that of a run, and its configurations with their values in the order of blocks."""

from __future__ import annotations

from reports.document import run_document
from reports.plain import plain
from reports.sweep.view import Group, SweepView


def sweep_document(sweep: SweepView) -> dict[str, object]:
    document = run_document(sweep.run.run_dir, sweep.run.target, sweep.run.verdicts)
    return {**document, "planned": sweep.planned, "configurations": [_group(group) for group in sweep.groups]}


def _group(group: Group) -> dict[str, object]:
    return {
        "scenario": group.scenario,
        "varied": plain(dict(group.varied)),
        "verdicts": list(group.outcomes),
        "metrics": {
            each.metric.name: {
                "unit": each.metric.unit,
                "better": each.metric.better,
                "median": each.median,
                "low": min(each.values),
                "high": max(each.values),
                "values": list(each.values),
            }
            for each in group.measured
        },
    }
