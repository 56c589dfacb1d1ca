"""One worker less: SIGTTOU to the supervisor, and SIGTTIN at the lift."""

from __future__ import annotations

from signal import SIGTTIN, SIGTTOU

from harness.faults.fault import Actor, FaultSpec, Stage
from harness.faults.operation import Operation
from harness.model.scenario import FaultUse


def _build(use: FaultUse, stage: Stage) -> Actor:
    return Operation(stage.deployment, stage.links["ingress"].live, SIGTTOU, back=SIGTTIN, more=-1)


FAULT = FaultSpec(
    name="scale-down",
    on="server",
    does="SIGTTOU to the supervisor: one worker less, until the lift",
    build=_build,
)
