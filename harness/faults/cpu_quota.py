"""Give one worker a CPU quota: a control group of its own, so much of one CPU in each period, and then a pause.

This is what a container's CPU limit does, bursts and all: whoever asks for little is not paused, whoever asks for more
waits for the next period, with all threads and whatever they hold. Prefer it to `cpu` for what a limit of your platform
would do under your load; it needs a control group that may be made. Supervisors that take a slow worker for a dead one
show here (F06).
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from harness.deployment import Deployment
from harness.errors import MachineError
from harness.faults.fault import Actor, Evidence, FaultSpec, Parameter, Proof, Stage
from harness.faults.pins import Pins
from harness.faults.worker import INDEX, pick
from harness.model.scenario import FaultUse
from harness.system.cpu_group import CpuGroup, Quota, Throttling, confine, why_not_quota
from harness.system.proc import Stat, is_same, read_stat
from harness.system.process import Spawner

_PROOF_S = 1.0
_ANSWER_S = 5.0


@dataclass(slots=True)
class Confine:
    deployment: Deployment
    spawner: Spawner
    live: str
    index: int
    quota: Quota
    worker: Stat | None = None
    group: CpuGroup | str = "it was not tried"
    pins: Pins | None = None

    async def apply(self) -> Evidence:
        self.worker, connections = await pick(self.deployment, self.index)
        pid = self.worker.pid
        self.pins = await Pins.open(self.deployment, self.live, pid)
        if is_same(pid, self.worker.start):
            self.group = confine(pid, self.quota, self.spawner.ledger)
        else:
            self.group = "it had ended before"
        confined = not isinstance(self.group, str)
        evidence = {"quota_ms": self.quota.quota_us / 1000, "period_ms": self.quota.period_us / 1000}
        return {"pid": pid, "connections": connections, "confined": confined, **evidence}

    async def prove(self) -> Proof:
        """The kernel's word on how often the quota was used up, and what a connection of ours had to wait at most.

        Asking again and again is also what uses it up, where the load alone does not.
        """
        if self.worker is None or self.pins is None or isinstance(self.group, str):
            return Proof(False, f"No worker was given a CPU quota: {self.group}.")
        before, cpu_s = self.group.throttling(), _cpu_s(self.worker)
        for_s = max(_PROOF_S, 5 * self.quota.period_us / 1e6)
        slowest_ms = await self.pins.slowest_ms(for_s, _ANSWER_S)
        after, used_ms = self.group.throttling(), round((_cpu_s(self.worker) - cpu_s) * 1000)
        seen = Throttling(
            after.periods - before.periods, after.throttled - before.throttled, after.stood_ms - before.stood_ms
        )
        return self._told(seen, slowest_ms, used_ms)

    def _told(self, seen: Throttling, slowest_ms: float, used_ms: int) -> Proof:
        assert self.worker is not None
        replaced = not is_same(self.worker.pid, self.worker.start)
        said = f"the slowest answer to a connection of ours took {slowest_ms:.0f} ms"
        why = (
            f"The kernel let worker {self.worker.pid} stand still in {seen.throttled} of {seen.periods} periods,"
            f" {seen.stood_ms:.0f} ms in all; {said if slowest_ms >= 0 else 'a connection of ours had no answer'}."
        )
        if replaced:
            why += " The worker has ended meanwhile."
        pause_ms = (self.quota.period_us - self.quota.quota_us) / 1000
        bites = seen.throttled > 0 and seen.stood_ms > 0 and slowest_ms >= 0.5 * pause_ms
        evidence: Evidence = {
            "periods": seen.periods,
            "throttled_periods": seen.throttled,
            "stood_ms": round(seen.stood_ms, 1),
            "cpu_ms": -1 if replaced else used_ms,
            "canary_slowest_ms": slowest_ms,
            "replaced": replaced,
        }
        return Proof(bites, why, evidence)

    async def lift(self) -> Evidence:
        if self.pins is not None:
            self.pins.close()
        if self.worker is None or isinstance(self.group, str):
            return {}
        seen = self.group.throttling()
        if not await asyncio.to_thread(self.group.remove):  # it waits for whoever forks meanwhile
            raise MachineError(f"Worker {self.worker.pid} still has a CPU quota: {self.group.path} cannot be removed.")
        replaced = not is_same(self.worker.pid, self.worker.start)
        told: Evidence = {"periods": seen.periods, "throttled_periods": seen.throttled, "stood_ms": seen.stood_ms}
        return {"pid": self.worker.pid, **told, "replaced": replaced}


def _cpu_s(worker: Stat) -> float:
    stat = read_stat(worker.pid)
    return stat.cpu_s if stat is not None else 0.0


def _build(use: FaultUse, stage: Stage) -> Actor:
    period_us = round(FAULT.value(use, "period_ms") * 1000)
    quota = Quota(round(period_us * FAULT.value(use, "quota_percent") / 100), period_us)
    live, index = stage.links["ingress"].live, int(FAULT.value(use, "index"))
    return Confine(stage.deployment, stage.spawner, live, index, quota)


FAULT = FaultSpec(
    name="cpu-quota",
    on="worker",
    does="a control group gives the worker quota_percent of one CPU in each period_ms, and no more",
    build=_build,
    owns="quota",
    per="index",
    parameters=(
        INDEX,
        Parameter("quota_percent", 5, 2, 50, "of one CPU, for all of its threads together"),
        Parameter("period_ms", 100, 50, 1_000, "how long a quota lasts; the kernel takes none below 1 ms"),
    ),
    unable=why_not_quota,
)
