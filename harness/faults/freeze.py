"""Freeze one worker: SIGSTOP, as a stuck system call or a stopped container would.

Its siblings go on accepting; only what is connected to it waits. Gunicorn replaces it within timeout + 2 s, Uvicorn
within its health check's timeout + 1 s, others never (F05).
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from signal import SIGCONT, SIGSTOP

from harness.deployment import Deployment
from harness.faults import pins
from harness.faults.fault import Actor, Evidence, FaultSpec, Proof, Stage
from harness.faults.pins import Pins
from harness.faults.worker import INDEX, pick, send
from harness.model.scenario import FaultUse
from harness.system.proc import Stat, read_stat

_NOTICE_S = 2.0
_SILENT_S = 1.0


@dataclass(slots=True)
class Freeze:
    deployment: Deployment
    live: str
    index: int
    worker: Stat | None = None
    pins: Pins | None = None

    async def apply(self) -> Evidence:
        self.worker, connections = await pick(self.deployment, self.index)
        self.pins = await Pins.open(self.deployment, self.live, self.worker.pid)
        send(self.worker, SIGSTOP)
        return {"pid": self.worker.pid, "connections": connections}

    async def prove(self) -> Proof:
        """The kernel stops a process that runs when it next leaves its code, a moment after the signal.

        An app that closes each connection after its answer leaves none that could be asked ("none"); the kernel's word
        stands alone then.
        """
        if self.worker is None or self.pins is None:
            return Proof(False, "No worker was frozen.")
        pid = self.worker.pid
        end = time.monotonic() + _NOTICE_S
        while (state := _state(pid)) not in ("T", "gone") and time.monotonic() < end:
            await asyncio.sleep(0.02)
        hurt, other = await self.pins.ask(_SILENT_S)
        evidence: Evidence = {"pid": pid, "state": state, "canary": hurt, "other_worker": other}
        why = f"The kernel says of worker {pid}: state {state}; {pins.told(hurt, other)}."
        return Proof(state == "T" and hurt in ("timeout", "none"), why, evidence)

    async def lift(self) -> Evidence:
        if self.pins is not None:
            self.pins.close()
        if self.worker is None:
            return {}
        if not send(self.worker, SIGCONT):
            return {"replaced": True}  # the supervisor was quicker
        return {"pid": self.worker.pid, "replaced": False}


def _state(pid: int) -> str:
    stat = read_stat(pid)
    return stat.state if stat else "gone"


def _build(use: FaultUse, stage: Stage) -> Actor:
    return Freeze(stage.deployment, stage.links["ingress"].live, int(FAULT.value(use, "index")))


FAULT = FaultSpec(
    name="freeze",
    on="worker",
    does="SIGSTOP: the worker stands still and keeps its connections",
    build=_build,
    owns="threads",
    per="index",
    parameters=(INDEX,),
)
