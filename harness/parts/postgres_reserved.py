"""Our own connection to the database under test: opened before the fault, beside the proxy, as superuser.

A probe that shares the app's role or its limit is the first to be turned away when the app holds every connection, and
then tells of itself, not of the app. Where the server itself was ended, it is opened again with the next question.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import NamedTuple

import asyncpg

from harness.errors import MachineError, UsageError
from harness.parts.postgres_login import Login, connect, reason

ANSWER_S = 2.0
KEYS_S = 20.0
# What asyncpg says of a connection that has ended, and of one that is being ended at this very moment.
_ENDING = (asyncpg.InterfaceError, asyncpg.InternalClientError)

# Idle sessions show their last query, so the state is what counts; our own sessions are known by their name.
_OF_APP = """
    FROM pg_stat_activity
    WHERE datname = $1 AND usename = $2 AND application_name <> $3 AND backend_type = 'client backend'
"""
_SAMPLE = f"""
    SELECT count(*) AS sessions,
           count(*) FILTER (WHERE state = 'active') AS active,
           count(*) FILTER (WHERE state LIKE 'idle in transaction%') AS idle_in_transaction,
           coalesce(extract(epoch FROM max(clock_timestamp() - query_start) FILTER (WHERE state = 'active')), 0)::float8
               AS oldest_s
    {_OF_APP}
"""
_TERMINATE = f"SELECT pid, pg_terminate_backend(pid) AS gone {_OF_APP}"
_DEFAULTS = """
    SELECT unnest(setconfig) AS setting FROM pg_db_role_setting
    JOIN pg_database ON pg_database.oid = setdatabase WHERE datname = $1 AND setrole = 0
"""
_LIMIT = "SELECT setting::int FROM pg_settings WHERE name = 'max_connections'"
_KEPT = """
    SELECT sum(setting::int) FROM pg_settings WHERE name IN ('superuser_reserved_connections', 'reserved_connections')
"""


class Sessions(NamedTuple):
    """The app's sessions in its database, how many the server lets in altogether, and the age of the oldest statement
    that is in hand."""

    sessions: int
    active: int
    idle_in_transaction: int
    max_connections: int
    oldest_s: float = -1.0


@dataclass(frozen=True, slots=True)
class _Way:
    """How the connection is had, and again."""

    part: str
    login: Login
    database: str
    mark: str

    async def open(self) -> asyncpg.Connection[asyncpg.Record]:
        return await connect(self.login, database=self.database, name=self.mark)


class Reserved:
    """One connection; calls take turns, and each is bounded, waiting for its turn included.

    `kept`: how many of the server's connections the app cannot have, ours included.
    """

    def __init__(
        self,
        way: _Way,
        connection: asyncpg.Connection[asyncpg.Record],
        of_app: tuple[str, str, str],
        limit: int,
        kept: int,
    ) -> None:
        self.kept = kept
        self._way, self._connection, self._of_app, self._limit = way, connection, of_app, limit
        self._turn = asyncio.Lock()

    @classmethod
    async def open(cls, part: str, login: Login, database: str, app_role: str, mark: str) -> Reserved:
        way = _Way(part, login, database, mark)
        try:
            connection = await way.open()
            limit, kept = await connection.fetchval(_LIMIT), await connection.fetchval(_KEPT)
        except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            raise MachineError(f"No connection of our own to {part} could be opened: {reason(error)}") from error
        return cls(way, connection, (database, app_role, mark), int(limit), int(kept) + 1)

    async def sample(self) -> Sessions:
        row = (await self._fetch(_SAMPLE, *self._of_app))[0]
        return Sessions(row["sessions"], row["active"], row["idle_in_transaction"], self._limit, row["oldest_s"])

    async def terminate_app(self) -> list[int]:
        """End the app's sessions; the pids of those that were told to."""
        return [row["pid"] for row in await self._fetch(_TERMINATE, *self._of_app) if row["gone"]]

    async def defaults(self) -> list[str]:
        """What new sessions of the database begin with, as `name=value`, where the database says so."""
        return [row["setting"] for row in await self._fetch(_DEFAULTS, self._of_app[0])]

    async def keys(self, query: str) -> list[str]:
        """The first and only column of the user's query, as text; read only."""
        try:
            async with asyncio.timeout(KEYS_S), self._turn:
                connection = await self._connected()
                async with connection.transaction(readonly=True):
                    rows = await connection.fetch(query)
        except (OSError, TimeoutError, asyncpg.PostgresConnectionError, *_ENDING) as error:
            raise self._silent(error) from error
        except asyncpg.PostgresError as error:
            raise UsageError(f"ledger.keys: the query does not run: {reason(error)}") from error
        if any(len(row) != 1 for row in rows):
            raise UsageError("ledger.keys must give one column: the key of each stored effect.")
        return [str(row[0]) for row in rows]

    async def close(self) -> None:
        try:
            await self._connection.close(timeout=ANSWER_S)
        except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError):
            self._connection.terminate()

    async def _fetch(self, query: str, *arguments: str) -> list[asyncpg.Record]:
        try:
            async with asyncio.timeout(ANSWER_S), self._turn:
                return await (await self._connected()).fetch(query, *arguments)
        except (OSError, TimeoutError, asyncpg.PostgresError, *_ENDING) as error:
            raise self._silent(error) from error

    async def _connected(self) -> asyncpg.Connection[asyncpg.Record]:
        if self._connection.is_closed():
            try:
                self._connection = await self._way.open()
            except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
                raise self._silent(error) from error
        return self._connection

    def _silent(self, error: BaseException) -> MachineError:
        return MachineError(f"PostgreSQL ({self._way.part}) did not answer our own connection: {reason(error)}")
