"""Make the app's database read-only, as a primary that was demoted (F50): sessions open, reads work, writes fail.

It is a default of new sessions of that database, so those that are open are terminated, at the beginning and at the
end. An app that sets the mode of its transactions itself is not hit.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass

import asyncpg

from harness.errors import MachineError
from harness.faults import app_session
from harness.faults.app_session import FAILURES
from harness.faults.fault import Actor, Evidence, FaultSpec, Held, Link, Proof, Stage
from harness.model.scenario import FaultUse
from harness.parts.postgres_login import reason

_STEP_S = 5.0
_LIFT_S = 15.0
_READ_ONLY = "25006"
_MODE = "default_transaction_read_only"
_ON = f"{_MODE}=on"
_WRITE = "BEGIN; CREATE TEMPORARY TABLE shakedown_canary (); ROLLBACK"  # and nothing of it stays


@dataclass(slots=True)
class ReadOnly:
    held: Held
    link: Link
    _applied: bool = False

    async def apply(self) -> Evidence:
        self._applied = True
        try:
            return {"sessions": await self._alter(f"SET {_MODE} = on")}
        except FAILURES as error:
            raise MachineError(f"{self.link.name} could not be made read-only: {reason(error)}") from error

    async def _alter(self, change: str) -> int:
        """How many sessions of the app were open and had to go, to come back under the changed default."""
        name = self.held.database.name.replace('"', '""')
        async with asyncio.timeout(_STEP_S):
            session = await self.held.server.admin(self.held.database.name, ours=True)
            try:
                # Our own session has the default too, once it is set.
                await session.execute(f"SET {_MODE} = off")
                await session.execute(f'ALTER DATABASE "{name}" {change}')
            finally:
                await app_session.log_out(session)
            return len(await self.held.reserved.terminate_app())

    async def prove(self) -> Proof:
        """Its catalogue says so, and a write of the app's role is refused."""
        canary = await app_session.hear(self.held, self.link, _WRITE)
        told = await self._catalogue()
        said = "was refused" if canary == _READ_ONLY else f"was not ({canary})"
        why = (
            f"PostgreSQL's catalogue says {told}; a write of the app's role through the {self.link.name} proxy {said}."
        )
        return Proof(canary == _READ_ONLY and told == _ON, why, {"catalogue": told, "canary": canary})

    async def _catalogue(self) -> str:
        try:
            defaults = await self.held.reserved.defaults()
        except MachineError as error:
            return str(error)
        return next((each for each in defaults if each.startswith(f"{_MODE}=")), f"nothing of {_MODE}")

    async def lift(self) -> Evidence:
        """Again until the server does it, for another fault may have it; a database that is gone needs nothing."""
        if not self._applied:
            return {}
        end = time.monotonic() + _LIFT_S
        while True:
            try:
                sessions = await self._alter(f"RESET {_MODE}")
            except asyncpg.InvalidCatalogNameError:
                return {}
            except (*FAILURES, MachineError) as error:
                if time.monotonic() > end:
                    raise MachineError(f"{self.link.name} is still read-only: {reason(error)}") from error
                await asyncio.sleep(0.1)
            else:
                self._applied = False
                return {"sessions": sessions}


def _build(use: FaultUse, stage: Stage) -> Actor:
    return ReadOnly(stage.postgres[use.what], stage.links[use.what])


FAULT = FaultSpec(
    name="read-only",
    on="postgres",
    does="open sessions of the app are terminated, and those that come can only read",
    build=_build,
    owns="mode",
)
