"""A reload with code that cannot be imported: SIGHUP to the supervisor, whose new workers fail before they serve (F29).

A deployment that is wrong must not take down what still runs. What does not outlive it is started again at the lift, as
an init system would do it, with code that is whole.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from signal import SIGHUP

from harness.deployment import Deployment
from harness.errors import UsageError
from harness.faults.fault import Actor, Boot, Evidence, FaultSpec, Proof, Stage
from harness.faults.reloading import Hook
from harness.faults.restart import start
from harness.model.scenario import FaultUse

_NOTICE_S = 20.0
_LOOK_S = 0.1


@dataclass(slots=True)
class ReloadBroken:
    deployment: Deployment
    boot: Boot
    hook: Hook
    pid: int = -1

    async def apply(self) -> Evidence:
        self.pid = self.deployment.master()
        self.hook.tell("raise")
        self.deployment.signal(self.pid, SIGHUP)
        return {"pid": self.pid, "workers": len(self.deployment.workers())}

    async def prove(self) -> Proof:
        """A new process of the server failed to import the app: it says so itself."""
        end = time.monotonic() + _NOTICE_S
        while not self.hook.done() and time.monotonic() < end:
            await asyncio.sleep(_LOOK_S)
        failed = len(self.hook.done())
        return Proof(failed > 0, f"{failed} new workers could not import the app.", {"failed": failed})

    async def lift(self) -> Evidence:
        self.hook.forget()
        if self.pid < 0:
            return {}
        if self.deployment.master() >= 0:
            return {"ended": False, "workers": len(self.deployment.workers())}
        return {"ended": True, **await start(self.deployment, self.boot, ready=True)}


def _build(use: FaultUse, stage: Stage) -> Actor:
    if stage.hook is None:
        raise UsageError(f"{use.id} needs a server that was started for it.")
    return ReloadBroken(stage.deployment, stage.boot, stage.hook)


FAULT = FaultSpec(
    name="reload-broken",
    on="server",
    does="SIGHUP to the supervisor, whose new workers cannot import the app; what has ended is started at the lift",
    build=_build,
    owns="supervisor",
)
