"""What a tuning is asked for: its levers and scenarios, and the targets of its trials."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from harness.cli.chosen import choose_scenarios
from harness.errors import UsageError
from harness.faults import unable
from harness.model.scenario import Scenario
from harness.model.target import Scalar, Target
from harness.plan import plan_trial, why_not
from harness.plan_search import search_overrides
from harness.servers import server_of
from harness.target import load_target
from harness.tuning.asked import Asked, Hardship
from harness.tuning.capacity import Range
from harness.tuning.levers import Config, Lever
from harness.tuning.staircase import FIRST_RPS
from harness.tuning.tuned import Settings

DEFAULT_SCENARIOS = ("db-refused", "db-latency", "dependency-slow", "drain", "worker-killed")
NONE = "none"
WORKERS = "target.workers"
_LEAST_MAX = 4
_PATIENT_RPS = 4000.0
"""For this rate there are connections enough at the latency of the objective."""


@dataclass(frozen=True, slots=True)
class Scope:
    """The question with what is needed to run it: scenarios by name, and the target of each configuration."""

    asked: Asked
    scenarios: Mapping[str, Scenario]
    path: Path
    overrides: Mapping[str, Scalar]

    def values_of(self, config: Config, more: Settings) -> dict[str, Scalar]:
        """By full key."""
        levers: dict[str, Scalar] = {lever.key: now for lever, now in zip(self.asked.levers, config, strict=True)}
        return {**levers, **dict(more)}

    def target_of(self, config: Config, more: Settings, *, climbs: bool) -> Target:
        """A variable is text."""
        values = self.values_of(config, more).items()
        overrides = {**self.overrides, **{key: _text(now) if ".env." in key else now for key, now in values}}
        if climbs:
            where = Range(start_rps=FIRST_RPS, max_rps=_PATIENT_RPS)
            overrides = {**search_overrides(load_target(self.path, overrides), where), **overrides}
        return load_target(self.path, overrides)


def ask(
    path: Path, overrides: Mapping[str, Scalar], workers_max: int | None, names: Sequence[str], repeat: int, seed: int
) -> Scope:
    target = load_target(path, overrides)
    if target.load.closed:
        raise UsageError("A tuning raises the rate of the load, and users of a closed model have none.")
    levers = (_workers(target, workers_max), *_knobs(target))
    chosen = [] if list(names) == [NONE] else choose_scenarios(names or DEFAULT_SCENARIOS, target)
    cannot = unable(use for scenario in chosen for use in scenario.faults)
    refused = {each.name: why for each in chosen if (why := why_not(each, target, _many(each, target), cannot))}
    fitting = {each.name: each for each in chosen if each.name not in refused}
    hardships = tuple(Hardship(each.name, each.min_workers) for each in fitting.values())
    table = server_of(target.server).table
    asked = Asked(levers, hardships, repeat, seed, tuple(refused.items()), table, target.tune.timeouts)
    return Scope(asked, fitting, path, overrides)


def scenarios_s(scope: Scope) -> list[float]:
    """What each of the scenarios takes on this target by its plan."""
    now = load_target(scope.path, scope.overrides)
    scenarios = scope.scenarios.values()
    return [plan_trial(1, scenario, now, now.workers, {}, 0, 0).estimate_s for scenario in scenarios]


def tune_facts(asked: Asked, minutes: float, target: Target) -> dict[str, object]:
    return {
        "server": asked.table,
        "parts": {part.name: part.kind for part in target.parts},
        "timeouts": [asdict(each) for each in asked.variables],
        "levers": [asdict(lever) for lever in asked.levers],
        "scenarios": [asdict(each) for each in asked.scenarios],
        "untested": [list(each) for each in asked.untested],
        "repeat": asked.repeat,
        "minutes": minutes,
    }


def _text(value: Scalar) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _many(scenario: Scenario, target: Target) -> int:
    """Whether there are workers enough is asked when it is known how many are recommended."""
    return max(scenario.min_workers, target.workers)


def _workers(target: Target, most: int | None) -> Lever:
    limit = most if most is not None else max(_LEAST_MAX, 2 * len(os.sched_getaffinity(0)))
    if target.workers > limit:
        if most is not None:
            raise UsageError(f"--workers-max {most} is less than the {target.workers} workers that the target has now.")
        limit = target.workers
    return Lever(WORKERS, "workers", tuple(range(1, limit + 1)), target.workers)


def _knobs(target: Target) -> list[Lever]:
    return [Lever(knob.setting, knob.kind, knob.values, knob.before) for knob in target.tune.knobs]
