"""Terminate the app's sessions, as an administrator, a failover or an idle limit of a pooler does (F52).

The server is well and takes new sessions at once: a pool that hands out a dead connection without looking shows here.
With `every_ms` it goes on: who reconnects is terminated again.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass

from harness.errors import MachineError
from harness.faults import app_session
from harness.faults.app_session import Session
from harness.faults.fault import Actor, Evidence, FaultSpec, Held, Link, Parameter, Proof, Stage
from harness.faults.repeating import Repeating
from harness.model.scenario import FaultUse


@dataclass(slots=True)
class Terminate:
    held: Held
    link: Link
    every_s: float
    _rounds: int = 0
    _of_app: int = 0
    _canary: Session | None = None
    _again: Repeating | None = None

    async def apply(self) -> Evidence:
        opened = await app_session.try_log_in(self.held, self.link)
        self._canary = None if isinstance(opened, str) else opened
        await self._terminate()
        if self.every_s > 0:
            self._again = Repeating(self._step)
            await self._again.start(after_s=self.every_s)
        return {"sessions": self._of_app}

    async def _terminate(self) -> None:
        canary = -1 if self._canary is None else self._canary.get_server_pid()
        self._of_app += len([pid for pid in await self.held.reserved.terminate_app() if pid != canary])
        self._rounds += 1

    async def _step(self) -> float:
        with contextlib.suppress(MachineError):  # another fault may have the server
            await self._terminate()
        return self.every_s

    async def prove(self) -> Proof:
        canary = self._canary
        ended = canary is not None and await app_session.becomes_true(canary.is_closed, 1.0)
        evidence: Evidence = {"sessions": self._of_app, "rounds": self._rounds, "canary_ended": ended}
        said = "of ours was ended too" if ended else "of ours was not"
        why = f"{self._of_app} sessions of the app were terminated; one through the {self.link.name} proxy {said}."
        return Proof(ended and self._of_app > 0, why, evidence)

    async def lift(self) -> Evidence:
        if self._again is not None:
            await self._again.stop()
        canary, self._canary = self._canary, None
        await app_session.log_out(canary)
        return {"sessions": self._of_app, "rounds": self._rounds}


def _build(use: FaultUse, stage: Stage) -> Actor:
    return Terminate(stage.postgres[use.what], stage.links[use.what], FAULT.value(use, "every_ms") / 1000)


FAULT = FaultSpec(
    name="terminate",
    on="postgres",
    does="the app's sessions are terminated, new ones are let in",
    build=_build,
    parameters=(Parameter("every_ms", 0, 0, 60_000, "again each time; 0: once"),),
)
