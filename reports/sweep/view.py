"""The trials of a sweep by configuration: what was measured in each block, and what the checks said."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from harness.model.verdict import Outcome
from harness.tuning.metrics import METRICS, Metric, measure
from reports.view import RunView, TrialView


@dataclass(frozen=True, slots=True)
class Measured:
    """One metric over the trials that could tell it. A range of few trials is no interval of confidence."""

    metric: Metric
    values: tuple[float, ...]

    @property
    def median(self) -> float:
        return median(self.values)


@dataclass(frozen=True, slots=True)
class Group:
    """The trials of one configuration under one scenario."""

    scenario: str
    varied: Mapping[str, object]
    outcomes: tuple[Outcome, ...]
    measured: tuple[Measured, ...]

    @property
    def told(self) -> str:
        return ", ".join(f"{key}={value}" for key, value in self.varied.items())

    def of(self, metric: str) -> Measured | None:
        return next((each for each in self.measured if each.metric.name == metric), None)


@dataclass(frozen=True, slots=True)
class SweepView:
    """`scenarios` in the order of the plan; `groups` by scenario, then by configuration as it was asked for."""

    run: RunView
    keys: tuple[str, ...]
    planned: int
    groups: tuple[Group, ...]

    @property
    def scenarios(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(group.scenario for group in self.groups))

    def of(self, scenario: str) -> list[Group]:
        return [group for group in self.groups if group.scenario == scenario]


def is_sweep(facts: Mapping[str, object]) -> bool:
    return isinstance(facts.get("sweep"), dict)


def view_sweep(run: RunView) -> SweepView:
    sweep = run.facts["sweep"]
    assert isinstance(sweep, dict)
    keys = tuple(sweep["keys"])
    wanted = [dict(zip(keys, values, strict=True)) for values in sweep["variations"]]
    plan = run.facts.get("plan")
    scenarios = dict.fromkeys(trial.verdict.scenario for trial in run.trials)
    groups = [_group(name, varied, run.trials) for name in scenarios for varied in wanted]
    return SweepView(run, keys, len(plan) if isinstance(plan, list) else 0, tuple(groups))


def _group(scenario: str, varied: Mapping[str, object], trials: Sequence[TrialView]) -> Group:
    mine = [trial for trial in trials if trial.verdict.scenario == scenario and _is(trial, varied)]
    each = [measure(trial.record) for trial in mine if trial.record.whole]
    measured = [Measured(m, tuple(found[m.name] for found in each if m.name in found)) for m in METRICS]
    return Group(
        scenario, varied, tuple(trial.verdict.verdict for trial in mine), tuple(m for m in measured if m.values)
    )


def _is(trial: TrialView, varied: Mapping[str, object]) -> bool:
    return all(trial.verdict.config.get(key) == value for key, value in varied.items())
