"""The trials of a capacity search: one load without faults at one rate, a fresh deployment each. Pure."""

from __future__ import annotations

import math

from harness.model.scenario import Scenario
from harness.model.target import Scalar, Target
from harness.model.trial import PlannedTrial
from harness.plan import plan_trial
from harness.tuning.capacity import Range, Try
from harness.tuning.holds import LONG_NAME

SHORT = Scenario("rate", "Does it hold its objectives at this rate?", baseline_s=4.0, settles=False)
LONG = Scenario(LONG_NAME, "Does it hold its objectives at this rate, for long?", baseline_s=12.0, settles=False)

_LEAST_TIMEOUT_S, _TIMEOUTS, _DEADLINE_SHARE = 1.0, 4.0, 0.9
_CONNECTIONS = (64, 1024)


def search_overrides(target: Target, where: Range) -> dict[str, Scalar]:
    """What a service that is asked for too much must not cost the machine: patience and connections.

    A request that took four times the objective has missed it, however long it is waited for. Connections suffice for
    the highest rate at the latency of the objective; an arrival that waits for one is late, and counted so.
    """
    slo_s = target.slo.p99_ms / 1000
    patience_s = float(max(_LEAST_TIMEOUT_S, math.ceil(_TIMEOUTS * slo_s)))
    found: dict[str, Scalar] = {"load.timeout_s": patience_s}
    if target.slo.deadline_s >= patience_s:
        found["slo.deadline_s"] = patience_s * _DEADLINE_SHARE  # a client must wait for longer than that
    if not target.load.connections:
        found["load.connections"] = min(max(math.ceil(where.max_rps * slo_s), _CONNECTIONS[0]), _CONNECTIONS[1])
    return found


def plan_rate(index: int, step: Try, target: Target, seed: int) -> PlannedTrial:
    """One trial of the search, numbered as it comes."""
    scenario = LONG if step.long else SHORT
    config: dict[str, Scalar] = {"rate_rps": step.rate_rps}
    return plan_trial(index, scenario, target, target.workers, config, seed, block=index - 1, rate_rps=step.rate_rps)
