"""A PostgreSQL that we started and may therefore end, and the actor that ends it for a while.

Behind its proxy a server that has ended shows as a connection that is closed at once: the proxy accepts, and finds
nobody. A client without a proxy would be refused.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Literal

from harness.deployment import Address
from harness.errors import UsageError
from harness.faults import canary
from harness.faults.fault import Evidence, Link, Proof, Stage
from harness.faults.knock import knock
from harness.model.scenario import FaultUse
from harness.parts.postgres_cluster import Cluster


def cluster_of(use: FaultUse, stage: Stage) -> Cluster:
    """The plan has left out what is not ours; this is for whoever builds a fault without one."""
    cluster = stage.postgres[use.what].server.cluster
    if cluster is None:
        raise UsageError(f"{use.id} ends or stops a whole server, and that of parts.{use.what}.url is not ours.")
    return cluster


@dataclass(slots=True)
class Outage:
    """Ends the server when applied; it is started again, on the same data and port, by the lift."""

    cluster: Cluster
    link: Link
    how: Literal["fast", "killed"]

    async def apply(self) -> Evidence:
        pid, began = self.cluster.process.pid, time.monotonic()
        await self.cluster.end(self.how)
        return {"pid": pid, "ended_ms": round((time.monotonic() - began) * 1000)}

    async def prove(self) -> Proof:
        beside = await knock(Address(self.cluster.login.host, self.cluster.login.port))
        echo = await canary.send(self.link)
        gone = not self.cluster.process.alive
        evidence: Evidence = {"pid_gone": gone, "beside_the_proxy": beside, "canary": echo.outcome}
        why = (
            f"The server's process {'has ended' if gone else 'is still there'}, its port “{beside}” a connection,"
            f" and a canary through the {self.link.name} proxy was “{echo.outcome}”."
        )
        return Proof(gone and beside == "refused" and echo.outcome not in ("answered", "silent"), why, evidence)

    async def lift(self) -> Evidence:
        began = time.monotonic()
        await self.cluster.start_again()
        return {"pid": self.cluster.process.pid, "started_ms": round((time.monotonic() - began) * 1000)}
