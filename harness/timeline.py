"""When what happens in a trial, from the beginning of the warm-up. Pure.

    warm-up      baseline           fault                         recovery
    0 ────────── WARMUP_S ───────── + baseline_s ──────────────── + the faults' end ─────── + recovery_s
                                    apply  prove            lift

A fault that is over at once is lifted with its phase: nothing may be left. A scenario whose fault ends the server
(`server.sigterm`) has no fault and recovery phase: all of its faults are applied at the beginning of the drain, that
one when the others have been seen to bite, and what can be lifted is, when the server has gone. Times after the lift
are limits: the recovery ends when it is seen.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from harness.model.fault_traits import has_trait
from harness.model.observation import PhaseName
from harness.model.scenario import FaultUse, Scenario

WARMUP_S = 3.0
WARMUP_CAP_S = 10.0
PROVE_AFTER_S = 0.2
DRAIN_S = 5.0
BOOT_S = 3.0
"""What boot and drain take with a healthy app; only estimates are made of them."""

Do = Literal["phase", "apply", "prove", "lift"]
_ORDER: tuple[Do, ...] = ("lift", "phase", "apply", "prove")


@dataclass(frozen=True, slots=True)
class Action:
    """`phase` begins the phase; the others do that with the scenario's fault number `index`."""

    at_s: float
    do: Do
    phase: PhaseName | None = None
    index: int = -1


def timeline(scenario: Scenario) -> tuple[Action, ...]:
    """In the order of acting: what is lifted goes before a phase that begins at the same time."""
    baseline = Action(WARMUP_S, "phase", "baseline")
    start_s = WARMUP_S + scenario.baseline_s
    actions = [Action(0.0, "phase", "warmup"), baseline]
    if ends_server(scenario):
        actions.append(Action(start_s, "phase", "drain"))
    elif scenario.faults:
        end_s = start_s + scenario.faults_end_s
        actions += [Action(start_s, "phase", "fault"), Action(end_s, "phase", "recovery")]
        actions.append(Action(end_s + scenario.recovery_s, "phase", "drain"))
    else:
        actions.append(Action(start_s, "phase", "drain"))
    for index, use in enumerate(scenario.faults):
        actions += _of_fault(scenario, start_s, index, use)
    return tuple(sorted(actions, key=lambda action: (action.at_s, _ORDER.index(action.do), action.index)))


def ends_server(scenario: Scenario) -> bool:
    return any(has_trait(use.id, "final") for use in scenario.faults)


def _of_fault(scenario: Scenario, start_s: float, index: int, use: FaultUse) -> list[Action]:
    at_s = start_s + use.at_s
    lift_s = start_s + (scenario.faults_end_s if use.for_s is None else use.end_s)
    proved_s = at_s + proved_after_s(use)
    acts = [Action(at_s, "apply", index=index), Action(proved_s, "prove", index=index)]
    return acts if ends_server(scenario) else [*acts, Action(max(lift_s, proved_s), "lift", index=index)]


def proved_after_s(use: FaultUse) -> float:
    """The proof comes while the fault is on, and early enough for a server that mends it by itself."""
    return PROVE_AFTER_S if use.for_s is None else min(PROVE_AFTER_S, use.for_s / 2)


def length_s(scenario: Scenario) -> float:
    """How long a trial takes at most with an app that is well: boot, the phases, the drain."""
    return BOOT_S + timeline(scenario)[-1].at_s + DRAIN_S
