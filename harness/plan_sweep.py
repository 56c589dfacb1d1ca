"""The plan of a sweep: every configuration once in each block, in random order; each trial with its own target. Pure.

--vary workers=1,2 --vary gunicorn.timeout=2,30   →   4 variations
repeat 5                                          →   5 blocks of them, each in another order
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from harness.model.scenario import Scenario
from harness.model.target import Scalar, Target
from harness.model.trial import PlannedTrial
from harness.plan import Plan, plan_trial, why_not
from harness.target_override import short_key
from harness.tuning.blocks import randomised_blocks


@dataclass(frozen=True, slots=True)
class Variation:
    """What differs in it, by key, and the whole target with it; `overrides` are those of the command line too."""

    varied: Mapping[str, Scalar]
    overrides: Mapping[str, Scalar]
    target: Target


@dataclass(frozen=True, slots=True)
class SweepPlan:
    """`of[i]` is the number of the variation of `plan.trials[i]`."""

    plan: Plan
    variations: tuple[Variation, ...]
    of: tuple[int, ...]

    def target_of(self, trial: PlannedTrial) -> Target:
        return self.variations[self.of[trial.index - 1]].target


def combinations(vary: Mapping[str, Sequence[Scalar]]) -> list[dict[str, Scalar]]:
    """Every combination of the values, the last key changing fastest."""
    return [dict(zip(vary, values, strict=True)) for values in itertools.product(*vary.values())]


def plan_sweep(
    scenarios: Sequence[Scenario],
    variations: Sequence[Variation],
    repeat: int,
    seed: int,
    unable: Mapping[str, str] | None = None,
) -> SweepPlan:
    """A scenario that cannot be run with one of the variations is left out for that one, and told.

    `unable` as of `plan`.
    """
    trials: list[PlannedTrial] = []
    of: list[int] = []
    refused: dict[tuple[str, str], None] = {}
    for place in randomised_blocks(len(variations), repeat, seed):
        variation = variations[place.config]
        target = variation.target
        for scenario in scenarios:
            if why := why_not(scenario, target, target.workers, unable or {}):
                refused[f"{scenario.name} with {told(variation.varied)}", why] = None
                continue
            index = len(trials) + 1
            trial = plan_trial(index, scenario, target, target.workers, variation.overrides, seed, place.block)
            # What is compared is shown, even where an override would be hidden: it was typed to be seen side by side.
            varied = {short_key(key): value for key, value in variation.varied.items()}
            trials.append(replace(trial, config={**trial.config, **varied}))
            of.append(place.config)
    return SweepPlan(Plan(tuple(trials), tuple(refused)), tuple(variations), tuple(of))


def told(varied: Mapping[str, Scalar]) -> str:
    """A variation as a person reads it."""
    return ", ".join(f"{key}={value}" for key, value in varied.items())
