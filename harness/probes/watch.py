"""What every probe is given: the clock, the queue's mouth, the deployment and what is known of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from harness.deployment import Deployment
from harness.model.observation import Observation
from harness.model.trial import Trial
from harness.system.clock import Clock

Emit = Callable[[Observation], None]


@dataclass(frozen=True, slots=True)
class Watch:
    """`emit` puts an observation on the trial's queue; it never blocks and never fails."""

    clock: Clock
    emit: Emit
    deployment: Deployment
    trial: Trial


class Probe(Protocol):
    """Watches until it is cancelled. A probe never raises for what it sees: that is an observation."""

    async def run(self) -> None: ...
