"""Kill the supervisor: SIGKILL, as the kernel's out-of-memory killer does. What remains of the server (F09)?"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from signal import SIGKILL

from harness.deployment import Deployment
from harness.faults.fault import Actor, Evidence, FaultSpec, Proof, Stage
from harness.faults.knock import knock
from harness.model.scenario import FaultUse
from harness.system.proc import descendants, is_same, read_stat
from harness.system.sockets import listens

_NOTICE_S = 5.0


@dataclass(frozen=True, slots=True)
class _Worker:
    """`below` is the supervisor's child that it descends from: itself, as a rule."""

    pid: int
    start: int
    below: int


@dataclass(slots=True)
class KillServer:
    """`workers` are those of its processes that serve: a child is told that its parent has gone by having another.

    Where a process stands between (multiprocessing's forkserver), that one is told. Where a server is one process, its
    port is asked instead.
    """

    deployment: Deployment
    pid: int = -1
    workers: Sequence[_Worker] = ()

    async def apply(self) -> Evidence:
        self.pid = self.deployment.master()
        self.workers = _workers_below(self.deployment, self.pid)
        self.deployment.signal(self.pid, SIGKILL)
        return {"pid": self.pid, "workers": len(self.workers) or len(self.deployment.workers())}

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
        lost = sum(self._has_lost(worker) for worker in self.workers)
        why = f"{told}; {lost} of its {len(self.workers)} workers have lost it or are gone."
        return Proof(
            gone and lost == len(self.workers), why, {"pid": self.pid, "gone": gone, "workers_that_lost_it": lost}
        )

    def _has_lost(self, worker: _Worker) -> bool:
        if not is_same(worker.pid, worker.start):
            return True
        stat = read_stat(worker.below)
        return stat is None or not stat.alive or stat.parent != self.pid

    async def lift(self) -> Evidence:
        return {}


def _workers_below(deployment: Deployment, master: int) -> list[_Worker]:
    """The workers; where a process stands between, so that none is a child of the supervisor: whoever listens."""
    stats = {stat.pid: stat for stat in descendants(master)}
    pids = [pid for pid in deployment.workers() if pid in stats]
    if not pids:
        grandchildren = [stat.pid for stat in stats.values() if stat.parent != master]
        pids = [pid for pid in grandchildren if listens(deployment.address.port, [pid])]
    found = []
    for pid in pids:
        below = pid
        while below in stats and stats[below].parent != master:
            below = stats[below].parent
        found.append(_Worker(pid, stats[pid].start, below))
    return found


def _build(use: FaultUse, stage: Stage) -> Actor:
    return KillServer(stage.deployment)


FAULT = FaultSpec(name="kill", on="server", does="SIGKILL: the supervisor dies at once", build=_build)
