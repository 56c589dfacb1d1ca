"""Use up the thread pool of one worker: its idle threads stand still, so that whatever they are given waits (F47).

Work for a pool is handed to an idle thread where there is one; one that does not take it up keeps the work, and its
place in the pool, until the lift. Those that come in their place are stopped when they idle. They are stopped through
ptrace while they wait for work, where they hold no lock of the interpreter. The event loop goes on, so that `async def`
endpoints answer and `def` endpoints do not.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from harness.deployment import Deployment
from harness.faults import asking
from harness.faults.block_loop import LONGEST_S, lease_of
from harness.faults.fault import Actor, Evidence, FaultSpec, Proof, Stage
from harness.faults.pins import Pins
from harness.faults.worker import INDEX, pick
from harness.model.request import RequestLine
from harness.model.scenario import FaultUse
from harness.system.held_threads import HeldThreads, why_not_trace
from harness.system.proc import Stat, is_same, thread_states
from harness.system.process import Spawner

_SILENT_S = 1.0
_ROUNDS, _IDLE_S = 12, 0.4
"""A pool makes its threads when they are needed: a question may make the one that idles and is stopped for the next."""


@dataclass(slots=True)
class HoldPool:
    """`lines` are what the load reads: one of them must need a thread, or the fault hurts nobody."""

    deployment: Deployment
    spawner: Spawner
    live: str
    lines: list[RequestLine]
    index: int
    lease_s: float = LONGEST_S
    worker: Stat | None = None
    held: HeldThreads | str = "it was not tried"
    pins: Pins | None = None

    async def apply(self) -> Evidence:
        self.worker, connections = await pick(self.deployment, self.index)
        pid = self.worker.pid
        self.pins = await Pins.open(self.deployment, self.live, pid)
        self.held = await HeldThreads.hold(self.spawner, "pool", pid, lease_s=self.lease_s)
        return {"pid": pid, "connections": connections, "held": len(self._standing())}

    def _standing(self) -> list[int]:
        states = {} if self.worker is None else thread_states(self.worker.pid)
        return [tid for tid, state in states.items() if state in "tT"]

    async def prove(self) -> Proof:
        """Which threads stand, by the kernel, and a request of the load that waits here and not at another worker."""
        if self.worker is None or self.pins is None or isinstance(self.held, str):
            return Proof(False, f"The threads of the pool were not stopped: {self.held}.")
        pid = self.worker.pid
        hurt, other = await self.pins.ask(_SILENT_S)
        waits = await self._waiting_line(self.pins) if hurt == "answered" else ""
        standing = self._standing()
        evidence: Evidence = {
            "threads": len(thread_states(pid)),
            "threads_stopped": len(standing),
            "canary": hurt,
            "other_worker": other,
            "waits": waits,
        }
        why = (
            f"The kernel says of worker {pid}: {len(standing)} of {evidence['threads']} threads stand; over a"
            f" connection of ours liveness was “{hurt}”, and {waits or 'no request of the load'} waited for a thread."
        )
        return Proof(bool(standing) and pid not in standing and bool(waits), why, evidence)

    async def _waiting_line(self, pins: Pins) -> str:
        """The first line that gets no answer from the hurt worker. That question goes on waiting: how long it is open
        is what the fault asks of the app, and of the load perhaps no request meets it.
        """
        for _ in range(_ROUNDS):
            for line in self.lines:
                hurt, other = await pins.ask_and_leave(_SILENT_S, asking.head(line))
                if hurt == "timeout" and other != "timeout":
                    return line.name
                if not hurt.startswith("answered"):
                    return ""
            await asyncio.sleep(_IDLE_S)
        return ""

    async def lift(self) -> Evidence:
        waited: Evidence = {}
        if self.pins is not None:
            waited = self.pins.take_left()
            self.pins.close()
        if self.worker is None or isinstance(self.held, str):
            return {}
        stood = len(self._standing())
        await self.held.release()
        replaced = not is_same(self.worker.pid, self.worker.start)
        return {"pid": self.worker.pid, "stood": stood, "replaced": replaced, **waited}


def _build(use: FaultUse, stage: Stage) -> Actor:
    live, index = stage.links["ingress"].live, int(FAULT.value(use, "index"))
    return HoldPool(stage.deployment, stage.spawner, live, asking.reads(stage), index, lease_of(use))


FAULT = FaultSpec(
    name="threads",
    on="worker",
    does="the idle threads of the worker's pools stand still: what they are given waits, the event loop goes on",
    build=_build,
    owns="threads",
    per="index",
    parameters=(INDEX,),
    unable=why_not_trace,
)
