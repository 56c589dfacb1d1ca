"""Ask the server to end, as an orchestrator does at each deployment: SIGTERM to the supervisor, under load."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from signal import SIGTERM

from harness.deployment import Deployment
from harness.faults.fault import Actor, Evidence, FaultSpec, Proof, Stage
from harness.model.scenario import FaultUse

_NOTICE_S = 30.0


@dataclass(slots=True)
class Sigterm:
    deployment: Deployment
    pid: int = -1

    async def apply(self) -> Evidence:
        self.pid = self.deployment.master()
        self.deployment.signal(self.pid, SIGTERM)
        return {"pid": self.pid}

    async def prove(self) -> Proof:
        """The supervisor ends: nothing but the signal makes it. The conductor kills it when its grace is over."""
        end = time.monotonic() + _NOTICE_S
        while self.deployment.master() == self.pid and time.monotonic() < end:
            await asyncio.sleep(0.05)
        gone = self.deployment.master() != self.pid
        said = "has ended" if gone else f"is still there after {_NOTICE_S:g} s"
        return Proof(gone, f"The supervisor (pid {self.pid}) {said}.", {"pid": self.pid, "ended": gone})

    async def lift(self) -> Evidence:
        return {}


def _build(use: FaultUse, stage: Stage) -> Actor:
    return Sigterm(stage.deployment)


FAULT = FaultSpec(
    name="sigterm",
    on="server",
    does="SIGTERM to the supervisor: the service drains and ends",
    build=_build,
)
