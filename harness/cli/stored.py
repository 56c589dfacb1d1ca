"""Two stored runs side by side: described, never called better or worse, for they were not run side by side."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from statistics import median
from typing import Any

import click

from harness.cli.results import read_judged
from harness.errors import UsageError
from harness.record import is_audit
from harness.tuning.alike import unlike, unlike_trials
from harness.tuning.metrics import METRICS, measure
from reports.view import RunView
from reports.words import counted, tally


def compare_stored(base: Path, new: Path, insist: bool, as_json: bool) -> int:
    """0, or 2 when the runs cannot be compared."""
    for path in (base, new):
        if is_audit(path):
            raise UsageError(f"{path} is an audit; compare takes run directories.")
    runs = [read_judged(path.resolve()) for path in (base, new)]
    trials = [[trial.record.trial for trial in run.trials] for run in runs]
    why_not = [*unlike(runs[0].facts, runs[1].facts), *unlike_trials(*trials)]
    if why_not and not insist:
        message = f"The runs are not comparable: {'; '.join(why_not)}. --insist describes them all the same."
        if as_json:
            click.echo(json.dumps({"schema_version": 1, "error": {"kind": "inconclusive", "message": message}}))
        click.echo(f"shakedown: {message}", err=True)
        return 2
    sides = [_described(run) for run in runs]
    scenarios = [name for name in sides[0] if name in sides[1]]
    if not scenarios:
        raise UsageError("The two runs have no scenario in common.")
    if as_json:
        body = {name: {"base": sides[0][name], "new": sides[1][name]} for name in scenarios}
        told = {"base": str(base), "new": str(new), "differences": why_not, "scenarios": body}
        click.echo(json.dumps({"schema_version": 1, "verdict": "inconclusive", "described": told}))
        return 0
    click.echo(f"{new} beside {base}: described, not judged; they were not run side by side")
    for note in why_not:
        click.echo(f"  not alike: {note}")
    for name in scenarios:
        click.echo(f"\n  {name}: BASE {sides[0][name]['told']}; NEW {sides[1][name]['told']}")
        for metric in METRICS:
            both = [side[name]["metrics"].get(metric.name) for side in sides]
            if any(both):
                click.echo(f"    {metric.name:<12} BASE {_range(both[0])}   NEW {_range(both[1])}")
    return 0


def _described(run: RunView) -> dict[str, dict[str, Any]]:
    """By scenario: verdicts, and median and range of each metric over its trials."""
    found: dict[str, dict[str, Any]] = {}
    for name in dict.fromkeys(trial.verdict.scenario for trial in run.trials):
        mine = [trial for trial in run.trials if trial.verdict.scenario == name]
        values = [measure(trial.record) for trial in mine if trial.record.whole]
        metrics = {}
        for metric in METRICS:
            each = [value[metric.name] for value in values if metric.name in value]
            if each:
                metrics[metric.name] = {"n": len(each), "median": median(each), "low": min(each), "high": max(each)}
        outcomes = [trial.verdict.verdict for trial in mine]
        found[name] = {
            "verdicts": outcomes,
            "told": f"{counted(len(mine), 'trial')}, {tally(outcomes)}",
            "metrics": metrics,
        }
    return found


def _range(found: Mapping[str, float] | None) -> str:
    if found is None:
        return "n/a"
    return f"{found['median']:.4g} ({found['low']:.4g} to {found['high']:.4g}, {counted(int(found['n']), 'trial')})"
