"""What the app's sessions do, as a superuser's connection of ours sees them in pg_stat_activity."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import NamedTuple, TypeAlias

import asyncpg

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"

# Ours are known by their name; the app may come as any role.
_OF_APP = """
    FROM pg_stat_activity
    WHERE datname = current_database() AND backend_type = 'client backend' AND application_name NOT LIKE 'shakedown%'
"""
_LOOK = f"""
    SELECT count(*) AS sessions,
           count(*) FILTER (WHERE state LIKE 'idle in transaction%') AS idle,
           coalesce(max(extract(epoch FROM clock_timestamp() - state_change))
                    FILTER (WHERE state LIKE 'idle in transaction%'), 0)::float8 AS idle_s
    {_OF_APP}
"""
_WAITING = f"""
    SELECT pid, query_start::text AS began, extract(epoch FROM clock_timestamp() - query_start)::float8 AS age_s
    {_OF_APP} AND state = 'active' AND wait_event_type = 'Lock'
"""
_CUT = f"SELECT pid, pg_terminate_backend(pid) {_OF_APP}"
_LEFT = "SELECT count(*) FROM pg_stat_activity WHERE pid = ANY($1)"
_TLS = f"""
    SELECT count(*) AS sessions, count(*) FILTER (WHERE s.ssl) AS encrypted
    FROM pg_stat_ssl s JOIN (SELECT pid {_OF_APP}) app USING (pid)
"""
_ROLES = f"""
    SELECT rolname AS name, rolsuper AS superuser, rolcreaterole AS creates_roles
    FROM pg_roles WHERE rolname IN (SELECT usename {_OF_APP}) ORDER BY rolname
"""
_TABLES = """
    SELECT quote_ident(n.nspname) || '.' || quote_ident(c.relname) AS name
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p') AND n.nspname NOT LIKE 'pg\\_%' AND n.nspname <> 'information_schema'
    ORDER BY 1 LIMIT 500
"""
_LOCK_TRIES = 3
_GONE_S = 3.0
_POLL_S = 0.02


class Look(NamedTuple):
    sessions: int
    idle: int
    idle_s: float


class Waiting(NamedTuple):
    """A statement that waits for a lock; `statement` tells it from the next one of its session."""

    statement: tuple[int, str]
    age_s: float


async def look(connection: Connection) -> Look:
    row = (await connection.fetch(_LOOK))[0]
    return Look(row["sessions"], row["idle"], row["idle_s"])


async def waiting(connection: Connection) -> list[Waiting]:
    return [Waiting((row["pid"], row["began"]), row["age_s"]) for row in await connection.fetch(_WAITING)]


async def cut_all(connection: Connection) -> int:
    """End every session of the app, and see them go; how many there were."""
    pids = [row["pid"] for row in await connection.fetch(_CUT)]
    end = time.monotonic() + _GONE_S
    while await connection.fetchval(_LEFT, pids) and time.monotonic() < end:
        await asyncio.sleep(_POLL_S)
    return len(pids)


async def tls_of(connection: Connection) -> tuple[bool, int, int]:
    """Does the server do TLS, how many sessions has the app, and how many of them use it?"""
    offered = await connection.fetchval("SELECT setting = 'on' FROM pg_settings WHERE name = 'ssl'")
    row = (await connection.fetch(_TLS))[0]
    return bool(offered), row["sessions"], row["encrypted"]


async def roles_of(connection: Connection) -> list[tuple[str, bool, bool]]:
    """Name, superuser, may create roles: of each role that the app's sessions have."""
    return [(row["name"], row["superuser"], row["creates_roles"]) for row in await connection.fetch(_ROLES)]


async def tables_of(connection: Connection) -> list[str]:
    """Every table of the database, quoted."""
    return [row["name"] for row in await connection.fetch(_TABLES)]


@asynccontextmanager
async def locked(connection: Connection, tables: list[str]) -> AsyncIterator[None]:
    """Nobody else reads or writes these tables. The lock ends with the block, and with the connection."""
    for attempt in range(1, _LOCK_TRIES + 1):
        transaction = connection.transaction()
        await transaction.start()
        try:
            await connection.execute("SET LOCAL lock_timeout = '2s'")
            await connection.execute(f"LOCK TABLE {', '.join(tables)} IN ACCESS EXCLUSIVE MODE")
            break
        except asyncpg.LockNotAvailableError:
            await transaction.rollback()
            if attempt == _LOCK_TRIES:
                raise
        except BaseException:
            await transaction.rollback()
            raise
    try:
        yield
    finally:
        await transaction.rollback()
