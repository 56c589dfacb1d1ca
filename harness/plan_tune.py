"""The trials of a tuning: a staircase of rates without faults, for one configuration. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from harness.model.load_shape import Step
from harness.model.scenario import Scenario
from harness.model.target import Scalar, Target
from harness.model.trial import PlannedTrial
from harness.plan import plan_trial
from harness.timeline import WARMUP_S
from harness.tuning.staircase import EACH_S

_LATE_S = 0.6  # of phases behind the load's own clock


def plan_climb(
    index: int,
    name: str,
    levels: Sequence[float],
    target: Target,
    workers: int,
    config: Mapping[str, Scalar],
    seed: int,
    block: int,
) -> PlannedTrial:
    """`name` is that of its scenario. `levels` come after a warm-up at the lowest of them; `config` is shown."""
    shape = Step((min(levels), *levels), EACH_S)
    length_s = EACH_S * len(shape.levels_rps) - WARMUP_S + _LATE_S
    scenario = Scenario(
        name, "Up to which rate does it hold its objectives?", baseline_s=length_s, settles=False, climbs=True
    )
    planned = plan_trial(index, scenario, target, workers, {}, seed, block, rate_rps=max(levels))
    return replace(planned, shape=shape, config={**config, "workers": workers})
