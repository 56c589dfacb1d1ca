"""Lock a table of the app: a session of ours holds ACCESS EXCLUSIVE on it, as a migration does (F38).

Every statement on that table waits, reading too; the rest of the database goes on. Connections that wait are missing
in the pool, so that requests which never touch the table may wait as well.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import asyncpg

from harness.errors import MachineError, UsageError
from harness.faults import app_session
from harness.faults.app_session import FAILURES, Session
from harness.faults.fault import Actor, Choice, Evidence, FaultSpec, Held, Link, Proof, Stage
from harness.model.scenario import FaultUse
from harness.parts.postgres_login import reason

_TRIES = 3
_APPLY_S = 10.0
# The database may have limits of its own for sessions, and ours is idle in a transaction on purpose.
_OURS = "SET statement_timeout = 0; SET idle_in_transaction_session_timeout = 0; SET lock_timeout = '2s'"
_BUSIEST = """
    SELECT format('%I.%I', schemaname, relname) FROM pg_stat_user_tables
    ORDER BY n_tup_ins + n_tup_upd + n_tup_del DESC, coalesce(seq_scan, 0) + coalesce(idx_scan, 0) DESC,
             pg_total_relation_size(relid) DESC, relid
    LIMIT 1
"""
_HELD = """
    SELECT count(*) > 0 FROM pg_locks
    WHERE pid = pg_backend_pid() AND relation = to_regclass($1) AND mode = 'AccessExclusiveLock' AND granted
"""
_WAITED = "55P03"


@dataclass(slots=True)
class Lock:
    held: Held
    link: Link
    wanted: str
    table: str = ""
    _session: Session | None = None

    async def apply(self) -> Evidence:
        try:
            async with asyncio.timeout(_APPLY_S):
                self._session = await self.held.server.admin(self.held.database.name, ours=True)
                self.table = await self._choose(self._session)
                return {"table": self.table, "tries": await self._take(self._session) if self.table else 0}
        except FAILURES as error:
            raise MachineError(f"No table of {self.link.name} could be locked: {reason(error)}") from error

    async def _choose(self, session: Session) -> str:
        if not self.wanted:
            return await session.fetchval(_BUSIEST) or ""
        found = await session.fetchval("SELECT to_regclass($1)::text", self.wanted)
        if found is None:
            raise UsageError(f"{self.link.name}.lock: the app's database has no table {self.wanted!r}.")
        return str(found)

    async def _take(self, session: Session) -> int:
        """How often it was asked for: whoever has the table comes first, and only for a while."""
        await session.execute(_OURS)
        for attempt in range(1, _TRIES + 1):
            try:
                await session.execute(f"BEGIN; LOCK TABLE {self.table} IN ACCESS EXCLUSIVE MODE")
            except asyncpg.LockNotAvailableError:
                await session.execute("ROLLBACK")
            else:
                return attempt
        return _TRIES

    async def prove(self) -> Proof:
        if self._session is None or not self.table:
            return Proof(False, "The app's database has no table that could be locked.")
        try:
            granted = bool(await self._session.fetchval(_HELD, self.table))
        except FAILURES:
            granted = False
        canary = await self._ask()
        evidence: Evidence = {"table": self.table, "lock_granted": granted, "canary": canary}
        said = "had to wait" if canary == _WAITED else f"did not wait ({canary})"
        why = f"The server granted us the lock on {self.table}; a session of the app's role {said}."
        return Proof(granted and canary == _WAITED, why, evidence)

    async def _ask(self) -> str:
        """What a session of the app's role hears when it reads the table and waits for a fifth of a second."""
        read = f"SELECT FROM {self.table} LIMIT 0"
        return await app_session.hear(self.held, self.link, "SET lock_timeout = '200ms'", read)

    async def lift(self) -> Evidence:
        session, self._session = self._session, None
        await app_session.log_out(session)
        return {"table": self.table}


def _build(use: FaultUse, stage: Stage) -> Actor:
    return Lock(stage.postgres[use.what], stage.links[use.what], FAULT.word(use, "table"))


FAULT = FaultSpec(
    name="lock",
    on="postgres",
    does="a session of ours holds a table of the app in ACCESS EXCLUSIVE mode",
    build=_build,
    choices=(
        Choice(
            "table",
            "",
            "which table; unset: the one that is written most, then read most",
            pattern=".+",
            in_words="the name of a table of the app",
        ),
    ),
)
