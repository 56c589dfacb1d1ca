"""A scenario: what goes wrong, when, and what that means for readiness. Prose in Python, one a file in `scenarios/`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from harness.model.scalar import Scalar

Ready = Literal["down", "up", "any"]


@dataclass(frozen=True, slots=True)
class FaultUse:
    """One fault on the timeline: applied `at_s` into the fault phase, lifted `for_s` later (None: over at once).

    `outlasts_deadline`: the plan makes it last at least 3 s longer than the target's `slo.deadline_s`, so that a
    request without a limit of its own is still open when its deadline has passed.
    """

    id: str
    at_s: float = 0.0
    for_s: float | None = None
    parameters: Mapping[str, Scalar] = field(default_factory=dict)
    outlasts_deadline: bool = False

    @property
    def what(self) -> str:
        """The link, part or process that is hurt: the first half of the id."""
        return self.id.split(".", 1)[0]

    @property
    def name(self) -> str:
        """The fault itself: the second half of the id."""
        return self.id.split(".", 1)[1]

    @property
    def end_s(self) -> float:
        return self.at_s + (self.for_s or 0.0)


def fault(
    id: str, *, at_s: float = 0.0, for_s: float | None = None, outlasts_deadline: bool = False, **parameters: Scalar
) -> FaultUse:
    """Write one fault of a scenario: `fault("postgres.latency", for_s=8, latency_ms=100)`."""
    if id.count(".") != 1:
        raise ValueError(f"a fault's id is WHAT.fault, not {id!r}")
    return FaultUse(id, at_s, for_s, parameters, outlasts_deadline)


@dataclass(frozen=True, slots=True)
class Scenario:
    """What can go wrong and what must hold.

    `requires` names kinds of parts ("postgres", "http") or user names of parts; "dependency" in a fault's id stands for
    the first HTTP part of the target. `fault_s` is how long the fault phase lasts at least (its faults' end otherwise).
    `settings` overrides configuration keys for this scenario (`gunicorn.timeout`), which the report then says.
    `min_workers`: with fewer the scenario is not applicable. `finds`: the failure modes that it can show, by their
    numbers in docs/failure-modes.md. `settles`: the warm-up waits until the figures are steady, which they never are
    under a load that is too much. `climbs`: the load is a staircase, and the baseline is over when two steps in a row
    were too much.
    """

    name: str
    asks: str
    requires: tuple[str, ...] = ()
    baseline_s: float = 6.0
    fault_s: float = 0.0
    faults: tuple[FaultUse, ...] = ()
    ready: Ready = "up"
    recovery_s: float = 10.0
    min_workers: int = 1
    settings: Mapping[str, Scalar] = field(default_factory=dict)
    limits: Mapping[str, float] = field(default_factory=dict)
    note: str = ""
    finds: tuple[str, ...] = ()
    settles: bool = True
    climbs: bool = False

    @property
    def faults_end_s(self) -> float:
        """Length of the fault phase in seconds."""
        return max([self.fault_s, *(use.end_s for use in self.faults)])
