"""Two replicas migrate at once: the target's setup commands, twice, on a fresh database beside that of the trial.

PostgreSQL holds the first changes of each run a little, so that the other comes to the same place meanwhile; whether
both had a session at the same time, and whether one waited for a lock of the other, is its own word; that these were
two runs, and not one alone with two sessions, is the kernel's: both processes lived meanwhile. What they leave is
compared with what a single run has made. The service goes on with its own database and is not touched.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

import asyncpg

from harness.errors import MachineError, UsageError
from harness.faults.fault import Actor, Evidence, FaultSpec, Held, Proof, Setup, Stage
from harness.model.scenario import FaultUse
from harness.parts.postgres import Database
from harness.parts.postgres_changes import Connection, changes_of, watch_changes
from harness.parts.postgres_login import reason
from harness.parts.postgres_schema import Schema, differences, read_schema
from harness.system.process import Process, Spawner

RUNS = 2
_HOLD_S = 0.6
_COMMAND_S = 60.0
_LOOK_S = 0.05
_FAILURES = (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError)
_MEETING = """
    SELECT count(DISTINCT client_port) AS sessions,
           count(*) FILTER (WHERE wait_event_type = 'Lock') AS waiting
    FROM pg_stat_activity WHERE datname = current_database() AND usename = $1 AND backend_type = 'client backend'
"""


@dataclass(slots=True)
class MigrateTwice:
    spawner: Spawner
    setup: Setup
    postgres: Mapping[str, Held]
    part: str
    databases: dict[str, Database] = field(default_factory=dict)
    sessions: int = 0
    waiting: int = 0
    processes: int = 0
    running: dict[int, Process] = field(default_factory=dict)

    async def apply(self) -> Evidence:
        began = time.monotonic()
        try:
            once = await self._schema_of_one_run()
            for name, held in self.postgres.items():
                self.databases[name] = await held.server.clone("twice", empty=True)
            return {**await self._twice(once), "took_ms": round((time.monotonic() - began) * 1000)}
        except _FAILURES as error:
            raise MachineError(f"PostgreSQL ({self.part}) gave no session of our own: {reason(error)}") from error

    async def prove(self) -> Proof:
        """Two sessions were in the fresh database at once, says PostgreSQL; both runs went on then, says the kernel."""
        waited = "one waited for a lock of the other" if self.waiting else "neither waited for a lock"
        why = (
            f"At most {self.sessions} sessions of the runs were in the fresh database at once, of {self.processes} runs"
            f" whose processes lived then, and {waited}."
        )
        evidence: Evidence = {"sessions": self.sessions, "waiting": self.waiting, "processes": self.processes}
        return Proof(self._met() >= RUNS, why, evidence)

    def _met(self) -> int:
        return min(self.sessions, self.processes)

    async def lift(self) -> Evidence:
        for name, database in list(self.databases.items()):
            if self.postgres[name].server.alive:
                await self.postgres[name].server.drop(database)
            del self.databases[name]
        return {}

    async def _schema_of_one_run(self) -> Schema:
        """That of a copy of the template, which one run has filled."""
        server = self.postgres[self.part].server
        copy = await server.clone("once")
        try:
            admin = await server.admin(copy.name, ours=True)
            try:
                return await read_schema(admin)
            finally:
                await admin.close(timeout=2)
        finally:
            await server.drop(copy)

    async def _twice(self, once: Schema) -> Evidence:
        database = self.databases[self.part]
        admin = await self.postgres[self.part].server.admin(database.name, ours=True)
        try:
            await watch_changes(admin, hold_s=_HOLD_S)
            looking = asyncio.create_task(self._look(admin, database.user))
            try:
                codes = await asyncio.gather(*(self._run(number) for number in range(1, RUNS + 1)))
            finally:
                looking.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await looking
            both, changes = await read_schema(admin), await changes_of(admin)
        finally:
            await admin.close(timeout=2)
        missing, extra = differences(once, both)
        rows = [table for table, count in once.rows.items() if both.rows.get(table, count) != count]
        return {
            "exit_1": codes[0],
            "exit_2": codes[1],
            "changes": len(changes),
            "missing": len(missing),
            "extra": len(extra),
            "first_difference": next(iter((*missing, *extra)), "")[:200],
            "other_rows": ", ".join(rows)[:200],
        }

    async def _look(self, admin: Connection, user: str) -> None:
        while True:
            row = await admin.fetchrow(_MEETING, user)
            if row is not None:
                alive = sum(process.alive for process in self.running.values())
                met = min(row["sessions"], alive), row["sessions"], alive
                self.sessions, self.processes = max(met, (self._met(), self.sessions, self.processes))[1:]
                self.waiting = max(self.waiting, row["waiting"])
            await asyncio.sleep(_LOOK_S)

    async def _run(self, number: int) -> int:
        """All setup commands up to the first that fails, as one replica; −1 where one did not end in its time."""
        environment = self.setup.environment(self.databases)
        for command in self.setup.commands:
            process = self.spawner.spawn(
                ["/bin/sh", "-c", command],
                name="setup",
                env=environment,
                cwd=self.setup.root,
                log=self.setup.logs / f"setup-{number}.log",
                umask=0o022,
            )
            self.running[number] = process
            try:
                code = await process.wait(_COMMAND_S)
            finally:
                await process.end(grace_s=1.0)
            if code != 0:
                return -1 if code is None else code
        return 0


def _build(use: FaultUse, stage: Stage) -> Actor:
    if stage.setup is None or not stage.postgres:
        raise UsageError(f"{use.id} needs setup commands in [target] and a part of kind postgres.")
    return MigrateTwice(stage.spawner, stage.setup, stage.postgres, next(iter(stage.postgres)))


FAULT = FaultSpec(
    name="migrate-twice",
    on="server",
    does="two replicas run the setup commands at once, on a fresh database beside that of the trial",
    build=_build,
)
