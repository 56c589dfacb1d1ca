"""Kill the supervisor: SIGKILL, as the kernel's out-of-memory killer does. What remains of the server (F09)?"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from signal import SIGKILL

from harness.deployment import Deployment
from harness.faults.fault import Actor, Evidence, FaultSpec, Proof, Stage
from harness.model.scenario import FaultUse

_NOTICE_S = 5.0


@dataclass(slots=True)
class KillServer:
    deployment: Deployment
    pid: int = -1

    async def apply(self) -> Evidence:
        self.pid = self.deployment.master()
        workers = len(self.deployment.workers())
        self.deployment.signal(self.pid, SIGKILL)
        return {"pid": self.pid, "workers": workers}

    async def prove(self) -> Proof:
        end = time.monotonic() + _NOTICE_S
        while self.deployment.master() == self.pid and time.monotonic() < end:
            await asyncio.sleep(0.02)
        gone = self.pid > 0 and self.deployment.master() != self.pid
        said = "is gone" if gone else "is still there"
        return Proof(gone, f"The supervisor (pid {self.pid}) {said}.", {"pid": self.pid, "gone": gone})

    async def lift(self) -> Evidence:
        return {}


def _build(use: FaultUse, stage: Stage) -> Actor:
    return KillServer(stage.deployment)


FAULT = FaultSpec(name="kill", on="server", does="SIGKILL: the supervisor dies at once", build=_build)
