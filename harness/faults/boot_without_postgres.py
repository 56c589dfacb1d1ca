"""Start the service while its database is away: it is ended in order, the database refuses, and it is started again.

A service that needs its database to start turns a short outage into a long one: it ends, and whether it comes back is
up to whoever starts it (F12), or it hangs where nothing bounds its boot (F11). It must come up, say that it is not
ready, and be ready by itself when the database is there. The order is kept however long the drain takes.
"""

from __future__ import annotations

from dataclasses import dataclass

from harness.deployment import Deployment
from harness.errors import UsageError
from harness.faults.fault import Actor, Boot, Evidence, FaultSpec, Proof, Stage
from harness.faults.refuse import Refuse
from harness.faults.restart import start, stop
from harness.model.scenario import FaultUse


@dataclass(slots=True)
class BootWithout:
    deployment: Deployment
    boot: Boot
    away: Refuse
    pid: int = -1
    started: bool = False

    async def apply(self) -> Evidence:
        self.pid = self.deployment.master()
        _, ended = await stop(self.deployment)
        await self.away.apply()
        self.started = True
        began = await start(self.deployment, self.boot, ready=False)
        return {"part": self.away.link.name, **ended, **began}

    async def prove(self) -> Proof:
        """The database refuses, and whatever was started since then is not the process from before."""
        refused = await self.away.prove()
        now = self.deployment.master()
        anew = self.started and now != self.pid
        what = f"was started again as pid {now}" if now >= 0 else "was started again and has ended"
        why = f"The service {what if anew else 'was not started again'}. {refused.why}"
        return Proof(refused.ok and anew, why, {**refused.evidence, "before": self.pid, "now": now})

    async def lift(self) -> Evidence:
        return await self.away.lift()


def _build(use: FaultUse, stage: Stage) -> Actor:
    link = next((link for link in stage.links.values() if link.kind == "postgres"), None)
    if link is None:
        raise UsageError(f"{use.id} needs a part of kind postgres.")
    return BootWithout(stage.deployment, stage.boot, Refuse(stage.toxiproxy, link, "boot-without-postgres"))


FAULT = FaultSpec(
    name="boot-without-postgres",
    on="server",
    does="the service is ended, its database refuses, and it is started again; the database is back at the lift",
    build=_build,
    owns="supervisor",
)
