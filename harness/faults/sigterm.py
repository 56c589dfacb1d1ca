"""Ask the server to end, as an orchestrator does at each deployment: SIGTERM to the supervisor, under load."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from signal import SIGTERM

from harness.deployment import Deployment
from harness.faults.fault import Actor, Evidence, FaultSpec, Proof, Stage
from harness.faults.knock import knock
from harness.model.scenario import FaultUse
from harness.system.proc import is_pending

_NOTICE_S = 30.0


@dataclass(slots=True)
class Sigterm:
    deployment: Deployment
    pid: int = -1
    notice_s: float = _NOTICE_S

    async def apply(self) -> Evidence:
        pid = self.deployment.master()
        self.deployment.signal(pid, SIGTERM)
        self.pid = pid
        return {"pid": pid}

    async def prove(self) -> Proof:
        """The supervisor ends, or the kernel has handed it the signal; and what its port says to us.

        One that stays all the same is a finding, and so is a port that is still open. The conductor kills it when its
        grace is over.
        """
        if self.pid < 0:
            return Proof(False, "The supervisor was never asked to end.")
        end = time.monotonic() + self.notice_s
        while self.deployment.master() == self.pid and time.monotonic() < end:
            await asyncio.sleep(0.05)
        gone = self.deployment.master() != self.pid
        taken = gone or not is_pending(self.pid, SIGTERM)
        stays = f"is still there after {self.notice_s:g} s"
        said = "has ended" if gone else f"took it and {stays}" if taken else f"has not taken it and {stays}"
        knocked = await knock(self.deployment.address)
        why = f"The supervisor (pid {self.pid}) {said}; its port “{knocked}” a connection of ours."
        return Proof(taken, why, {"pid": self.pid, "ended": gone, "beside_the_proxy": knocked})

    async def lift(self) -> Evidence:
        return {}


def _build(use: FaultUse, stage: Stage) -> Actor:
    return Sigterm(stage.deployment)


FAULT = FaultSpec(
    name="sigterm",
    on="server",
    does="SIGTERM to the supervisor: the service drains and ends",
    build=_build,
)
