"""Take every connection that PostgreSQL has left, in the app's role: another service of the team that leaks (F41).

What the app holds it keeps; what it gives back is taken too, a quarter of a second later. Our sessions carry the mark
of the run, so that whoever counts the app's leaves them out.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field

from harness.faults import app_session
from harness.faults.app_session import FAILURES, Session
from harness.faults.fault import Actor, Evidence, FaultSpec, Held, Link, Parameter, Proof, Stage
from harness.faults.repeating import Repeating
from harness.model.scenario import FaultUse

_AGAIN_S = 0.25
_FREED_S = 3.0
_FULL = "53300"


@dataclass(slots=True)
class Exhaust:
    held: Held
    link: Link
    most: int
    _sessions: list[Session] = field(default_factory=list)
    _filler: Repeating | None = None

    async def apply(self) -> Evidence:
        self._filler = Repeating(self._fill)
        await self._filler.start()
        return {"sessions": len(self._sessions)}

    async def _fill(self) -> float:
        """Take what there is. Any error ends it: the server is full, or another fault has it."""
        self._sessions = [session for session in self._sessions if not session.is_closed()]
        while len(self._sessions) < self.most:
            try:
                self._sessions.append(await app_session.log_in(self.held, name=self.held.server.mark))
            except FAILURES:
                break
        return _AGAIN_S

    async def prove(self) -> Proof:
        canary = await self._knock()
        evidence: Evidence = {"sessions": len(self._sessions), "canary": canary}
        said = "was turned away" if canary == _FULL else f"was not ({canary})"
        why = f"{len(self._sessions)} sessions of ours are open; one more through the {self.link.name} proxy {said}."
        return Proof(canary == _FULL and bool(self._sessions), why, evidence)

    async def _knock(self) -> str:
        return await app_session.hear(self.held, self.link)

    async def lift(self) -> Evidence:
        """Done when the server has room again: it learns of a closed session a moment later."""
        if self._filler is not None:
            await self._filler.stop()
        sessions, self._sessions = self._sessions, []
        await app_session.log_out(*sessions)
        end = time.monotonic() + _FREED_S
        while sessions and await self._knock() == _FULL and time.monotonic() < end:
            await asyncio.sleep(0.05)
        return {"sessions": len(sessions)}


def _build(use: FaultUse, stage: Stage) -> Actor:
    return Exhaust(stage.postgres[use.what], stage.links[use.what], int(FAULT.value(use, "most")))


FAULT = FaultSpec(
    name="exhaust",
    on="postgres",
    does="sessions of ours take every connection that is left",
    build=_build,
    parameters=(Parameter("most", 1000, 1, 10_000, "sessions that we open at most"),),
)
