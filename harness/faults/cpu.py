"""Starve one worker of CPU: all of its threads stand still for a share of each short period (SIGSTOP and SIGCONT).

So does a CPU quota: a slice of each period, then a pause. Unlike a quota (`cpu-quota`) it pauses a worker that asks for
nothing, too, and needs nothing of the machine: prefer it where the pause itself is the question, or no control group
may be made. Programs that compete for the CPU would hurt the siblings and the load's engine as well. Supervisors that
take a slow worker for a dead one show here (F06).
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from signal import SIGCONT, SIGSTOP

from harness.deployment import Deployment
from harness.faults.fault import Actor, Evidence, FaultSpec, Parameter, Proof, Stage
from harness.faults.pins import Pins
from harness.faults.repeating import Repeating
from harness.faults.worker import INDEX, pick, send
from harness.model.scenario import FaultUse
from harness.system.proc import Stat, is_same, read_stat

_PROOF_S = 1.0
_LOOK_S = 0.005
_ANSWER_S = 5.0


@dataclass(slots=True)
class Starve:
    deployment: Deployment
    live: str
    index: int
    stopped_s: float
    running_s: float
    worker: Stat | None = None
    pins: Pins | None = None
    _stopped: bool = False
    _turns: Repeating | None = None

    async def apply(self) -> Evidence:
        self.worker, connections = await pick(self.deployment, self.index)
        self.pins = await Pins.open(self.deployment, self.live, self.worker.pid)
        self._turns = Repeating(self._turn)
        await self._turns.start()
        evidence = {"stopped_ms": round(self.stopped_s * 1000), "running_ms": round(self.running_s * 1000)}
        return {"pid": self.worker.pid, "connections": connections, **evidence}

    async def _turn(self) -> float:
        self._stopped = not self._stopped
        if self.worker is not None:
            send(self.worker, SIGSTOP if self._stopped else SIGCONT)
        return self.stopped_s if self._stopped else self.running_s

    async def prove(self) -> Proof:
        """The kernel's word on how often it stands, and what a connection of ours to it had to wait at most."""
        if self.worker is None or self.pins is None:
            return Proof(False, "No worker was starved.")
        period_s = self.stopped_s + self.running_s
        asking = asyncio.create_task(self.pins.slowest_ms(max(_PROOF_S, 3 * period_s), _ANSWER_S))
        looks: list[bool] = []
        while not asking.done():
            stat = read_stat(self.worker.pid)
            looks.append(stat is not None and stat.state == "T")
            await asyncio.sleep(_LOOK_S)
        slowest_ms, share = await asking, sum(looks) / max(1, len(looks))
        said = f"the slowest answer to a connection of ours took {slowest_ms:.0f} ms"
        why = (
            f"The kernel saw worker {self.worker.pid} stand still for {share:.0%} of the time;"
            f" {said if slowest_ms >= 0 else 'a connection of ours had no answer'}."
        )
        bites = share >= 0.7 * self.stopped_s / period_s and slowest_ms >= 700 * self.stopped_s
        return Proof(bites, why, {"stopped_share": round(share, 2), "canary_slowest_ms": slowest_ms})

    async def lift(self) -> Evidence:
        if self.pins is not None:
            self.pins.close()
        if self._turns is not None:
            await self._turns.stop()
        self._stopped = False
        if self.worker is None:
            return {}
        send(self.worker, SIGCONT)
        replaced = not is_same(self.worker.pid, self.worker.start)
        return {"pid": self.worker.pid, "turns": self._turns.steps if self._turns else 0, "replaced": replaced}


def _build(use: FaultUse, stage: Stage) -> Actor:
    period_s = FAULT.value(use, "period_ms") / 1000
    stopped_s = period_s * FAULT.value(use, "stopped_percent") / 100
    live, index = stage.links["ingress"].live, int(FAULT.value(use, "index"))
    return Starve(stage.deployment, live, index, stopped_s, period_s - stopped_s)


FAULT = FaultSpec(
    name="cpu",
    on="worker",
    does="the worker stands still for stopped_percent of each period_ms, as under a CPU quota",
    build=_build,
    owns="threads",
    per="index",
    parameters=(
        INDEX,
        Parameter("stopped_percent", 80, 10, 95, "the share of the time in which it gets no CPU"),
        Parameter("period_ms", 100, 50, 1_000, "one pause and one turn"),
    ),
)
