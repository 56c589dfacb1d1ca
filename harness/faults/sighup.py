"""Reload: SIGHUP to the supervisor, which starts new workers with the code and the settings that are there now.

Gunicorn ends the old workers without waiting until the new ones can answer (F28); Uvicorn starts the new ones first.
With `start_s` the new ones need that much longer to start than the old ones did, as an app that loads a model does.
"""

from __future__ import annotations

from dataclasses import dataclass
from signal import SIGHUP

from harness.errors import UsageError
from harness.faults.fault import Actor, Evidence, FaultSpec, Parameter, Proof, Stage
from harness.faults.operation import NOTICE_S, Operation
from harness.faults.reloading import Hook
from harness.model.scenario import FaultUse

_BOOT_S = 30.0


@dataclass(slots=True)
class SlowReload:
    """A reload with the hook in its new workers."""

    reload: Operation
    hook: Hook
    start_s: float
    known: int = 0

    async def apply(self) -> Evidence:
        self.known = len(self.hook.acts())
        self.hook.tell(f"sleep {self.start_s:g}")
        return {**await self.reload.apply(), "start_s": self.start_s}

    async def prove(self) -> Proof:
        """All workers are new and answer, and each says that it waited before it imported the app."""
        proof = await self.reload.prove()
        workers = set(self.reload.deployment.workers())
        waited = len(workers & self.hook.done("sleep", self.known))
        why = f"{proof.why} {waited} of them waited {self.start_s:g} s before they imported the app."
        return Proof(proof.ok and 0 < waited == len(workers), why, {**proof.evidence, "waited": waited})

    async def lift(self) -> Evidence:
        self.hook.forget()
        return await self.reload.lift()


def _build(use: FaultUse, stage: Stage) -> Actor:
    reload = Operation(stage.deployment, stage.links["ingress"].live, SIGHUP, all_new=True)
    start_s = FAULT.value(use, "start_s")
    if start_s <= 0:
        return reload
    if stage.hook is None:
        raise UsageError(f"{use.id} with start_s needs a server that was started for it.")
    reload.notice_s = NOTICE_S + start_s + _BOOT_S
    return SlowReload(reload, stage.hook, start_s)


FAULT = FaultSpec(
    name="sighup",
    on="server",
    does="SIGHUP to the supervisor: all workers are replaced by new ones, which start start_s slower",
    build=_build,
    parameters=(Parameter("start_s", 0, 0, 60, "how much longer each new worker needs before it imports the app"),),
)
