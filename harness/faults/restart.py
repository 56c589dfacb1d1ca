"""Restart the server, as a deployment without rolling does: it is asked to end, and started again on the same address.

SIGTERM, its whole grace, and the start at the lift, which is over when every worker says that it is ready. How long
nobody listens is the fault's length, which counts from the end of the drain, and the boot. Meanwhile connections are
refused: that is this kind of deployment. What was accepted before must be answered (F14, F15, F34), nothing
acknowledged may be lost, and the second start must be as good as the first.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

from harness.deployment import Deployment, Stopped
from harness.faults.fault import Actor, Boot, Evidence, FaultSpec, Proof, Stage
from harness.faults.knock import knock
from harness.model.scenario import FaultUse

_SLACK_S = 3.0


@dataclass(slots=True)
class Restart:
    deployment: Deployment
    boot: Boot
    pid: int = -1
    stopped: Stopped | None = None

    async def apply(self) -> Evidence:
        self.pid = self.deployment.master()
        self.stopped, evidence = await stop(self.deployment)
        return evidence

    async def prove(self) -> Proof:
        """The process has ended, and nobody listens where it did: asked beside the proxy."""
        gone, knocked = self.deployment.master() != self.pid, await knock(self.deployment.address)
        why = f"The supervisor (pid {self.pid}) {'has ended' if gone else 'is still there'}, its port “{knocked}” us."
        evidence: Evidence = {"pid": self.pid, "gone": gone, "beside_the_proxy": knocked}
        return Proof(gone and knocked == "refused", why, evidence)

    async def lift(self) -> Evidence:
        if self.stopped is None or self.deployment.master() >= 0:
            return {}  # it was never ended, or is there again
        return await start(self.deployment, self.boot, ready=True)


async def stop(deployment: Deployment) -> tuple[Stopped, Evidence]:
    """In order: SIGTERM, and SIGKILL only when the grace is over."""
    pid, began = deployment.master(), time.monotonic()
    stopped = await deployment.stop(deployment.settings.leaves_in_s + _SLACK_S)
    took_ms = round((time.monotonic() - began) * 1000)
    return stopped, {"pid": pid, "exit_code": stopped.exit_code, "killed": stopped.killed, "ended_ms": took_ms}


async def start(deployment: Deployment, boot: Boot, *, ready: bool) -> Evidence:
    """Again, and up."""
    began = time.monotonic()
    why = await boot(ready)
    took_ms = round((time.monotonic() - began) * 1000)
    return {"started_pid": deployment.master(), "up": not why, "boot_ms": took_ms}


def _build(use: FaultUse, stage: Stage) -> Actor:
    return Restart(stage.deployment, stage.boot)


FAULT = FaultSpec(
    name="restart",
    on="server",
    does="SIGTERM to the supervisor; once it has ended, the same server is started again at the lift",
    build=_build,
    owns="supervisor",
)
