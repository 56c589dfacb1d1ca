"""Let one worker's memory grow, as a leak does: it holds grow_mb more, resident, of which the app knows nothing.

Where the worker lives under a limit (a container's, a control group's, `ulimit`), this is how it is met: by the
kernel's killer, or by requests that fail for want of memory. Without one it shows who watches. The worker is made to
ask for the memory itself (see `grow_memory`), so that it counts where the limit is counted.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from harness.deployment import Deployment
from harness.errors import MachineError
from harness.faults import pins
from harness.faults.fault import Actor, Evidence, FaultSpec, Parameter, Proof, Stage
from harness.faults.pins import Pins
from harness.faults.worker import INDEX, pick
from harness.model.scenario import FaultUse
from harness.system import grown_memory
from harness.system.grown_memory import Grown
from harness.system.proc import Stat, is_same, read_stat
from harness.system.process import Spawner

_MB = 2**20
_ANSWER_S = 3.0


@dataclass(slots=True)
class GrowMemory:
    deployment: Deployment
    spawner: Spawner
    live: str
    index: int
    grow_mb: int
    worker: Stat | None = None
    grown: Grown = field(default_factory=lambda: Grown((), "it was not tried"))
    pins: Pins | None = None

    async def apply(self) -> Evidence:
        self.worker, connections = await pick(self.deployment, self.index)
        pid, before_mb = self.worker.pid, self.worker.rss_bytes // _MB
        self.pins = await Pins.open(self.deployment, self.live, pid)
        available_mb = grown_memory.available_bytes() // _MB
        if 2 * self.grow_mb > available_mb:
            self.grown = Grown((), f"the machine has {available_mb} MB to give, and half of that at most is taken")
        else:
            self.grown = await grown_memory.grow(self.spawner, pid, self.grow_mb * _MB)
        return {"pid": pid, "connections": connections, "before_mb": before_mb, "grown_mb": self._grown_mb}

    @property
    def _grown_mb(self) -> int:
        return self.grown.size_bytes // _MB

    async def prove(self) -> Proof:
        """What the kernel says that the worker holds, and that it answers; one that was killed for it is hurt, too.

        It was there when it got the first piece, so one that is gone has gone since.
        """
        if self.worker is None or self.pins is None:
            return Proof(False, "No worker's memory has grown.")
        hurt, other = await self.pins.ask_anew(_ANSWER_S)
        gone = not is_same(self.worker.pid, self.worker.start)
        stat = None if gone else read_stat(self.worker.pid)
        more_mb = 0 if stat is None else (stat.rss_bytes - self.worker.rss_bytes) // _MB
        said = "it is gone" if gone else f"it holds {more_mb} MB more than before"
        why = (
            f"{self._grown_mb} of {self.grow_mb} MB were made to be held by worker {self.worker.pid}"
            f" ({self.grown.said}), and the kernel says that {said}; {pins.told(hurt, other)}."
        )
        evidence: Evidence = {"more_mb": more_mb, "gone": gone, "canary": hurt, "other_worker": other}
        holds = more_mb >= 0.8 * self._grown_mb and hurt.startswith("answered")
        return Proof(self._grown_mb > 0 and (gone or holds), why, evidence)

    async def lift(self) -> Evidence:
        if self.pins is not None:
            self.pins.close()
        if self.worker is None:
            return {}
        worker, held = self.worker, self.grown.pieces
        if held and is_same(worker.pid, worker.start):
            self.grown = await grown_memory.shrink(self.spawner, worker.pid, held)
        if not is_same(worker.pid, worker.start):
            self.grown = Grown((), "gone")
            return {"pid": worker.pid, "replaced": True}
        if self.grown.pieces:
            raise MachineError(f"Worker {worker.pid} still holds {self._grown_mb} MB of ours: {self.grown.said}.")
        return {"pid": worker.pid, "replaced": False, "given_back": "done"}


def _build(use: FaultUse, stage: Stage) -> Actor:
    live, index = stage.links["ingress"].live, int(FAULT.value(use, "index"))
    return GrowMemory(stage.deployment, stage.spawner, live, index, int(FAULT.value(use, "grow_mb")))


FAULT = FaultSpec(
    name="memory",
    on="worker",
    does="the worker holds grow_mb megabytes more, as after a leak, until the lift",
    build=_build,
    parameters=(INDEX, Parameter("grow_mb", 256, 1, 65_536, "how much more it holds")),
    unable=grown_memory.why_not_grow,
)
