"""Reload: SIGHUP to the supervisor, which starts new workers with the code and the settings that are there now.

Gunicorn ends the old workers without waiting until the new ones can answer (F28); Uvicorn starts the new ones first.
"""

from __future__ import annotations

from signal import SIGHUP

from harness.faults.fault import Actor, FaultSpec, Stage
from harness.faults.operation import Operation
from harness.model.scenario import FaultUse


def _build(use: FaultUse, stage: Stage) -> Actor:
    return Operation(stage.deployment, SIGHUP, all_new=True)


FAULT = FaultSpec(
    name="sighup",
    on="server",
    does="SIGHUP to the supervisor: all workers are replaced by new ones",
    build=_build,
)
