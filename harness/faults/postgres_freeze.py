"""Freeze PostgreSQL: SIGSTOP to all of its processes, as a hung disk or a paused virtual machine.

Nothing is closed and new connections are accepted by the kernel, so that only a timeout of the app's own notices (F35,
F37). Everything goes on at the lift, also what was asked meanwhile and what nobody waits for any more.
"""

from __future__ import annotations

from dataclasses import dataclass

from harness.faults import canary
from harness.faults.fault import Actor, Evidence, FaultSpec, Link, Proof, Stage
from harness.faults.postgres_own import cluster_of
from harness.model.scenario import FaultUse
from harness.parts import postgres_outage
from harness.parts.postgres_cluster import Cluster


@dataclass(slots=True)
class Freeze:
    cluster: Cluster
    link: Link

    async def apply(self) -> Evidence:
        queue = postgres_outage.lengthen_queue(self.cluster.process, self.cluster.login.port)
        frozen = await postgres_outage.freeze(self.cluster.process)
        return {"pid": self.cluster.process.pid, "processes": len(frozen), "queue": queue}

    async def prove(self) -> Proof:
        there = postgres_outage.tree(self.cluster.process)
        stopped = sum(postgres_outage.is_stopped(stat) for stat in there)
        echo = await canary.send(self.link, timeout_s=0.5)
        evidence: Evidence = {"processes": len(there), "stopped": stopped, "canary": echo.outcome}
        why = (
            f"The kernel says that {stopped} of {len(there)} processes of PostgreSQL are stopped;"
            f" a canary through the {self.link.name} proxy was “{echo.outcome}”."
        )
        return Proof(0 < len(there) == stopped and echo.outcome == "silent", why, evidence)

    async def lift(self) -> Evidence:
        return {"processes": postgres_outage.thaw(self.cluster.process)}


def _build(use: FaultUse, stage: Stage) -> Actor:
    return Freeze(cluster_of(use, stage), stage.links[use.what])


FAULT = FaultSpec(
    name="freeze",
    on="postgres",
    does="SIGSTOP to all processes of the server: it stands still and keeps its connections",
    build=_build,
    owns="processes",
)
