"""What `--dry-run` shows: the trials in their order with the time they take. Nothing is started or written."""

from __future__ import annotations

import json

import click

from harness.plan import Plan


def show_plan(planned: Plan, target: str, seed: int, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(plan_document(planned, target, seed)))
        return
    click.echo(f"target {target}, seed {seed}")
    width = max((len(trial.scenario.name) for trial in planned.trials), default=0)
    for trial in planned.trials:
        faults = " + ".join(use.id for use in trial.scenario.faults) or "nothing broken"
        config = ", ".join(f"{key}={value}" for key, value in trial.config.items())
        click.echo(f"{trial.index:4} {trial.scenario.name:<{width}} {trial.estimate_s:5.0f} s  {faults}  ({config})")
    for name, why in planned.not_applicable:
        click.echo(f"   – {name} does not apply: {why}")
    count = len(planned.trials)
    click.echo(f"{count} trial{'' if count == 1 else 's'}, about {_minutes(planned.estimate_s)}. Nothing was started.")


def plan_document(planned: Plan, target: str, seed: int) -> dict[str, object]:
    """The plan of `--dry-run --json`."""
    trials = [
        {
            "index": trial.index,
            "scenario": trial.scenario.name,
            "faults": [use.id for use in trial.scenario.faults],
            "config": dict(trial.config),
            "seed": trial.seed,
            "estimate_s": trial.estimate_s,
        }
        for trial in planned.trials
    ]
    missing = [{"scenario": name, "why": why} for name, why in planned.not_applicable]
    return {
        "schema_version": 1,
        "target": target,
        "seed": seed,
        "estimate_s": planned.estimate_s,
        "plan": trials,
        "not_applicable": missing,
    }


def _minutes(seconds: float) -> str:
    whole = round(seconds)
    return f"{whole} s" if whole < 120 else f"{whole // 60} min {whole % 60} s"
