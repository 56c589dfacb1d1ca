"""Kill one worker: SIGKILL, as the kernel's out-of-memory killer does (F07). It loses what it had in flight."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from signal import SIGKILL

from harness.deployment import Deployment
from harness.faults.fault import Actor, Evidence, FaultSpec, Proof, Stage
from harness.faults.pins import Pins
from harness.faults.worker import INDEX, connected, other_ends, pick, send
from harness.model.scenario import FaultUse
from harness.system.proc import Stat, is_same

_NOTICE_S = 5.0


@dataclass(slots=True)
class Kill:
    """`clients` are the other ends of its connections: the kernel tells both ends that it has gone."""

    deployment: Deployment
    live: str
    index: int
    worker: Stat | None = None
    sent: bool = False
    clients: frozenset[int] = frozenset()
    pins: Pins | None = None

    async def apply(self) -> Evidence:
        self.worker, connections = await pick(self.deployment, self.index)
        self.clients = other_ends(self.deployment, self.worker.pid)
        if not self.clients:  # those that were counted may have closed since
            self.pins = await Pins.open(self.deployment, self.live, self.worker.pid)
            self.clients = other_ends(self.deployment, self.worker.pid)
        self.sent = send(self.worker, SIGKILL)
        return {"pid": self.worker.pid, "connections": connections}

    async def prove(self) -> Proof:
        if self.worker is None:
            return Proof(False, "No worker was killed.")
        if not self.sent:
            return Proof(False, f"Worker {self.worker.pid} had gone by itself when it was to be killed.")
        end = time.monotonic() + _NOTICE_S
        while (is_same(self.worker.pid, self.worker.start) or connected(self.clients)) and time.monotonic() < end:
            await asyncio.sleep(0.02)
        gone, left = not is_same(self.worker.pid, self.worker.start), connected(self.clients)
        said = "is gone" if gone else "is still there"
        ends = f"of its {len(self.clients)} clients {left} are still" if self.clients else "nobody was"
        evidence: Evidence = {"pid": self.worker.pid, "gone": gone, "clients": len(self.clients), "connected": left}
        return Proof(gone and not left, f"Worker {self.worker.pid} {said}; {ends} connected to it.", evidence)

    async def lift(self) -> Evidence:
        if self.pins is not None:
            self.pins.close()
        return {}


def _build(use: FaultUse, stage: Stage) -> Actor:
    return Kill(stage.deployment, stage.links["ingress"].live, int(FAULT.value(use, "index")))


FAULT = FaultSpec(name="kill", on="worker", does="SIGKILL: the worker dies at once", build=_build, parameters=(INDEX,))
