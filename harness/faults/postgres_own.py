"""A PostgreSQL that we started and may therefore end, and the actor that ends it for a while.

Behind its proxy a server that has ended shows as a connection that is closed at once: the proxy accepts, and finds
nobody. A client without a proxy would be refused.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import Literal

from harness.errors import UsageError
from harness.faults import canary
from harness.faults.fault import Evidence, Link, Proof, Stage
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
        beside = await self._knock()
        echo = await canary.send(self.link)
        gone = not self.cluster.process.alive
        evidence: Evidence = {"pid_gone": gone, "beside_the_proxy": beside, "canary": echo.outcome}
        why = (
            f"The server's process {'has ended' if gone else 'is still there'}, its port “{beside}” a connection,"
            f" and a canary through the {self.link.name} proxy was “{echo.outcome}”."
        )
        return Proof(gone and beside == "refused" and echo.outcome not in ("answered", "silent"), why, evidence)

    async def _knock(self) -> str:
        login = self.cluster.login
        try:
            async with asyncio.timeout(1.0):
                _, writer = await asyncio.open_connection(login.host, login.port)
        except OSError as error:
            return "refused" if isinstance(error, ConnectionRefusedError) else type(error).__name__
        writer.close()
        return "accepted"

    async def lift(self) -> Evidence:
        began = time.monotonic()
        await self.cluster.start_again()
        return {"pid": self.cluster.process.pid, "started_ms": round((time.monotonic() - began) * 1000)}
