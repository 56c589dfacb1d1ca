"""Block the event loop of one worker: its thread stands still, all others of the process go on.

That is what a blocking call in a coroutine does, and no fault of the whole process: a supervisor that is answered by
another thread sees nothing (F01, F03). No change of the app is needed: the thread is stopped through ptrace while it
waits for events, where it holds no lock of the interpreter (one that holds it is `hold-gil`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from harness.deployment import Deployment
from harness.faults import pins
from harness.faults.fault import Actor, Evidence, FaultSpec, Proof, Stage
from harness.faults.pins import Pins
from harness.faults.worker import INDEX, pick
from harness.model.scenario import FaultUse
from harness.system.held_threads import HeldThreads, What, why_not_trace
from harness.system.proc import Stat, is_same, thread_states
from harness.system.process import Spawner

LONGEST_S = 300.0
_SPARE_S = 10.0
_SILENT_S = 1.0


@dataclass(slots=True)
class BlockLoop:
    """`lease_s`: the thread goes on after that, whatever becomes of us."""

    what: ClassVar[What] = "loop"
    stands: ClassVar[str] = "that of the event loop"

    deployment: Deployment
    spawner: Spawner
    live: str
    index: int
    lease_s: float
    worker: Stat | None = None
    held: HeldThreads | str = "it was not tried"
    pins: Pins | None = None

    async def apply(self) -> Evidence:
        self.worker, connections = await pick(self.deployment, self.index)
        pid = self.worker.pid
        self.pins = await Pins.open(self.deployment, self.live, pid)
        self.held = await HeldThreads.hold(self.spawner, self.what, pid, lease_s=self.lease_s)
        thread = -1 if isinstance(self.held, str) else self.held.tids[0]
        return {"pid": pid, "connections": connections, "thread": thread}

    async def prove(self) -> Proof:
        if self.worker is None or self.pins is None or isinstance(self.held, str):
            return Proof(False, f"The thread was not stopped: {self.held}.")
        pid, thread = self.worker.pid, self.held.tids[0]
        hurt, other = await self.pins.ask(_SILENT_S)
        states = thread_states(pid)
        stopped = sorted(tid for tid, state in states.items() if state in "tT")
        evidence: Evidence = {
            "pid": pid,
            "state": states.get(thread, "gone"),
            "threads": len(states),
            "threads_stopped": len(stopped),
            "canary": hurt,
            "other_worker": other,
        }
        why = (
            f"The kernel says of worker {pid}: {len(stopped)} of {len(states)} threads stand, {self.stands}"
            f" (state {evidence['state']}); {pins.told(hurt, other)}."
        )
        return Proof(stopped == [thread] and hurt == "timeout" and other in ("answered", "none"), why, evidence)

    async def lift(self) -> Evidence:
        if self.pins is not None:
            self.pins.close()
        if self.worker is None or isinstance(self.held, str):
            return {}
        stood = await self.held.release()
        replaced = not is_same(self.worker.pid, self.worker.start)
        return {"pid": self.worker.pid, "replaced": replaced, "until_the_lift": stood and not replaced}


def lease_of(use: FaultUse) -> float:
    """How long a helper may hold threads: a little longer than the fault lasts."""
    return LONGEST_S if use.for_s is None else min(LONGEST_S, use.for_s + _SPARE_S)


def _build(use: FaultUse, stage: Stage) -> Actor:
    live, index = stage.links["ingress"].live, int(FAULT.value(use, "index"))
    return BlockLoop(stage.deployment, stage.spawner, live, index, lease_of(use))


FAULT = FaultSpec(
    name="block-loop",
    on="worker",
    does="the thread of the worker's event loop stands still, its other threads go on",
    build=_build,
    owns="threads",
    per="index",
    parameters=(INDEX,),
    unable=why_not_trace,
)
