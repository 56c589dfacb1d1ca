"""Kill one worker: SIGKILL, as the kernel's out-of-memory killer does (F07). It loses what it had in flight."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from signal import SIGKILL

from harness.deployment import Deployment
from harness.faults.fault import Actor, Evidence, FaultSpec, Proof, Stage
from harness.faults.worker import INDEX, pick, send
from harness.model.scenario import FaultUse
from harness.system.proc import Stat, is_same

_NOTICE_S = 5.0


@dataclass(slots=True)
class Kill:
    deployment: Deployment
    index: int
    worker: Stat | None = None
    sent: bool = False

    async def apply(self) -> Evidence:
        self.worker, connections = await pick(self.deployment, self.index)
        self.sent = send(self.worker, SIGKILL)
        return {"pid": self.worker.pid, "connections": connections}

    async def prove(self) -> Proof:
        if self.worker is None:
            return Proof(False, "No worker was killed.")
        if not self.sent:
            return Proof(False, f"Worker {self.worker.pid} had gone by itself when it was to be killed.")
        end = time.monotonic() + _NOTICE_S
        while is_same(self.worker.pid, self.worker.start) and time.monotonic() < end:
            await asyncio.sleep(0.02)
        gone = not is_same(self.worker.pid, self.worker.start)
        said = "is gone" if gone else "is still there"
        return Proof(gone, f"Worker {self.worker.pid} {said}.", {"pid": self.worker.pid, "gone": gone})

    async def lift(self) -> Evidence:
        return {}


def _build(use: FaultUse, stage: Stage) -> Actor:
    return Kill(stage.deployment, int(FAULT.value(use, "index")))


FAULT = FaultSpec(name="kill", on="worker", does="SIGKILL: the worker dies at once", build=_build, parameters=(INDEX,))
