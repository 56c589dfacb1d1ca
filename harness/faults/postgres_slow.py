"""Slow PostgreSQL: its processes are stopped and go on by turns, as on a machine that gives it too small a share.

What takes long at the server takes longer by the share that is missing; a short query waits for the end of the pause
that it falls into, on average half of one. Unlike a slow link it keeps sessions active and locks held, and timeouts of
the server's own fire (F38).
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass

from harness.faults import app_session
from harness.faults.app_session import FAILURES, Session
from harness.faults.fault import Actor, Evidence, FaultSpec, Held, Link, Parameter, Proof, Stage
from harness.faults.postgres_own import cluster_of
from harness.faults.repeating import Repeating
from harness.model.scenario import FaultUse
from harness.parts import postgres_outage
from harness.parts.postgres_cluster import Cluster

_PROOF_S = 0.6
_LOOK_S = 0.005


@dataclass(slots=True)
class Slow:
    cluster: Cluster
    held: Held
    link: Link
    stopped_s: float
    running_s: float
    _stopped: bool = False
    _turns: Repeating | None = None

    async def apply(self) -> Evidence:
        self._turns = Repeating(self._turn)
        await self._turns.start()
        return {"stopped_ms": round(self.stopped_s * 1000), "running_ms": round(self.running_s * 1000)}

    async def _turn(self) -> float:
        self._stopped = not self._stopped
        if self._stopped:
            postgres_outage.stop(self.cluster.process)
            return self.stopped_s
        postgres_outage.thaw(self.cluster.process)
        return self.running_s

    async def prove(self) -> Proof:
        """The kernel's word on how often it is stopped, and what a session of the app's role had to wait at most."""
        opened = await app_session.try_log_in(self.held, self.link)
        if isinstance(opened, str):
            return Proof(False, f"No session of the app's role could be opened ({opened}).", {"canary": opened})
        period_s = self.stopped_s + self.running_s
        asking = asyncio.create_task(_slowest_ms(opened, max(_PROOF_S, 2 * period_s)))
        try:
            share = await self._stopped_share(asking)
            slowest_ms = await asking
        finally:
            asking.cancel()
            await app_session.log_out(opened)
        bites = share >= 0.7 * self.stopped_s / period_s and slowest_ms >= 700 * self.stopped_s
        why = (
            f"The kernel saw the server stopped for {share:.0%} of the time; the slowest answer to a session of ours"
            f" through the {self.link.name} proxy took {slowest_ms:.0f} ms."
        )
        return Proof(bites, why, {"stopped_share": round(share, 2), "canary_slowest_ms": slowest_ms})

    async def _stopped_share(self, asking: asyncio.Task[float]) -> float:
        """Of the looks while the canary asks."""
        looks: list[bool] = []
        while not asking.done():
            stat = self.cluster.process.stat()
            looks.append(stat is not None and stat.state == "T")
            await asyncio.sleep(_LOOK_S)
        return sum(looks) / max(1, len(looks))

    async def lift(self) -> Evidence:
        if self._turns is not None:
            await self._turns.stop()
        self._stopped = False
        postgres_outage.thaw(self.cluster.process)
        return {"turns": 0 if self._turns is None else self._turns.steps}


async def _slowest_ms(session: Session, for_s: float) -> float:
    """Asked again and again, so that every pause in that time is met; −1 where it was not answered."""
    end, slowest_s = time.monotonic() + for_s, 0.0
    while (began := time.monotonic()) < end:
        try:
            await session.fetchval("SELECT 1")
        except FAILURES:
            return -1.0
        slowest_s = max(slowest_s, time.monotonic() - began)
    return round(slowest_s * 1000, 1)


def _build(use: FaultUse, stage: Stage) -> Actor:
    period_s = FAULT.value(use, "period_ms") / 1000
    stopped_s = period_s * FAULT.value(use, "stopped_percent") / 100
    held, link = stage.postgres[use.what], stage.links[use.what]
    return Slow(cluster_of(use, stage), held, link, stopped_s, period_s - stopped_s)


FAULT = FaultSpec(
    name="slow",
    on="postgres",
    does="all processes of the server stand still for stopped_percent of each period_ms",
    build=_build,
    owns="processes",
    parameters=(
        Parameter("stopped_percent", 80, 10, 95, "the share of the time in which it stands still"),
        Parameter("period_ms", 200, 50, 1_000, "one pause and one turn"),
    ),
)
