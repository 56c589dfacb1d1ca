"""Let one thread of a worker keep the interpreter's lock: every other thread of it that needs the lock waits (F04).

That is what a long call does that does not give the lock away, such as a regular expression that backtracks or a large
JSON. Unlike a blocked event loop it silences the worker's other threads too, so that a supervisor that is answered by
one of those sees it. The thread is stopped through ptrace while it runs code of its own; py-spy reads from outside that
it is the one that holds the lock. Only a worker that has something to do holds it at times.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from typing import ClassVar

from harness.faults.block_loop import BlockLoop, lease_of
from harness.faults.fault import Actor, FaultSpec, Proof, Stage
from harness.faults.worker import INDEX
from harness.model.scenario import FaultUse
from harness.system.held_threads import What, why_not_trace
from harness.system.py_spy import NOT_THERE, find_py_spy, lock_holder


@dataclass(slots=True)
class HoldGil(BlockLoop):
    what: ClassVar[What] = "gil"
    stands: ClassVar[str] = "one that was met in code of its own"

    async def prove(self) -> Proof:
        """As for a loop; and the lock is held by the thread that stands."""
        proof = await BlockLoop.prove(self)  # super() does not find its way in a dataclass with slots
        if self.worker is None or isinstance(self.held, str):
            return proof
        try:
            holder = await asyncio.to_thread(lock_holder, self.worker.pid)
        except OSError as error:
            return Proof(False, f"{proof.why} Who holds the interpreter's lock is not known: {error}.", proof.evidence)
        holds = holder == self.held.tids[0]
        why = f"{proof.why} {'It holds' if holds else 'It does not hold'} the interpreter's lock, as py-spy reads it."
        return replace(proof, ok=proof.ok and holds, why=why, evidence={**proof.evidence, "holds_the_lock": holds})


def why_not_hold() -> str:
    """Why this machine cannot do it, empty where it can."""
    return why_not_trace() or ("" if find_py_spy() else NOT_THERE)


def _build(use: FaultUse, stage: Stage) -> Actor:
    live, index = stage.links["ingress"].live, int(FAULT.value(use, "index"))
    return HoldGil(stage.deployment, stage.spawner, live, index, lease_of(use))


FAULT = FaultSpec(
    name="hold-gil",
    on="worker",
    does="a thread that holds the interpreter's lock stands still, so that no other thread of the worker goes on",
    build=_build,
    owns="threads",
    per="index",
    parameters=(INDEX,),
    unable=why_not_hold,
)
