"""One worker more: SIGTTIN to the supervisor, and SIGTTOU at the lift."""

from __future__ import annotations

from signal import SIGTTIN, SIGTTOU

from harness.faults.fault import Actor, FaultSpec, Stage
from harness.faults.operation import Operation
from harness.model.scenario import FaultUse


def _build(use: FaultUse, stage: Stage) -> Actor:
    return Operation(stage.deployment, stage.links["ingress"].live, SIGTTIN, back=SIGTTOU, more=1)


FAULT = FaultSpec(
    name="scale-up",
    on="server",
    does="SIGTTIN to the supervisor: one worker more, until the lift",
    build=_build,
)
