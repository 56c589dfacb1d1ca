"""Kill the supervisor: SIGKILL, as the kernel's out-of-memory killer does. What remains of the server (F09)?"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from signal import SIGKILL

from harness.deployment import Deployment
from harness.faults.fault import Actor, Evidence, FaultSpec, Proof, Stage
from harness.faults.knock import knock
from harness.model.scenario import FaultUse
from harness.system.proc import read_stat

_NOTICE_S = 5.0


@dataclass(slots=True)
class KillServer:
    """`workers` are its children, each with its start time: a child is told that its parent has gone by having another.

    Where a server is one process, its port is asked instead.
    """

    deployment: Deployment
    pid: int = -1
    workers: Mapping[int, int] = field(default_factory=dict)

    async def apply(self) -> Evidence:
        self.pid = self.deployment.master()
        workers = self.deployment.workers()
        stats = [stat for stat in map(read_stat, workers) if stat is not None and stat.parent == self.pid]
        self.workers = {stat.pid: stat.start for stat in stats}
        self.deployment.signal(self.pid, SIGKILL)
        return {"pid": self.pid, "workers": len(workers)}

    async def prove(self) -> Proof:
        end = time.monotonic() + _NOTICE_S
        while self.deployment.master() == self.pid and time.monotonic() < end:
            await asyncio.sleep(0.02)
        gone = self.pid > 0 and self.deployment.master() != self.pid
        told = f"The supervisor (pid {self.pid}) {'is gone' if gone else 'is still there'}"
        if not self.workers:
            knocked = await knock(self.deployment.address)
            evidence: Evidence = {"pid": self.pid, "gone": gone, "beside_the_proxy": knocked}
            return Proof(gone and knocked == "refused", f"{told}; its port “{knocked}” a connection of ours.", evidence)
        lost = sum(self._has_lost(pid, start) for pid, start in self.workers.items())
        why = f"{told}; {lost} of its {len(self.workers)} workers have lost it or are gone."
        return Proof(
            gone and lost == len(self.workers), why, {"pid": self.pid, "gone": gone, "workers_that_lost_it": lost}
        )

    def _has_lost(self, pid: int, start: int) -> bool:
        stat = read_stat(pid)
        return stat is None or stat.start != start or not stat.alive or stat.parent != self.pid

    async def lift(self) -> Evidence:
        return {}


def _build(use: FaultUse, stage: Stage) -> Actor:
    return KillServer(stage.deployment)


FAULT = FaultSpec(name="kill", on="server", does="SIGKILL: the supervisor dies at once", build=_build)
