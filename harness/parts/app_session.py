"""A session as the app has one: its own role, in its own database; at the server itself or through a proxy."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TypeAlias

import asyncpg

from harness.deployment import Address
from harness.parts.postgres import Database

Session: TypeAlias = "asyncpg.Connection[asyncpg.Record]"

# The last is what asyncpg says of a session that is being ended at this very moment.
FAILURES = (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError)
_OPEN_S = 2.0
_CLOSE_S = 1.0


async def log_in(where: Address, database: Database, name: str) -> Session:
    """`name` says whose session it is: those that bear the server's mark do not count as the app's."""
    return await asyncpg.connect(
        host=where.host,
        port=where.port,
        user=database.user,
        password=database.password,
        database=database.name,
        timeout=_OPEN_S,
        command_timeout=_OPEN_S,
        server_settings={"application_name": name},
    )


async def log_out(*sessions: Session | None) -> None:
    """Whatever they do at the moment and whether or not the server is still there."""
    await asyncio.gather(*(_log_out(session) for session in sessions if session is not None))


async def _log_out(session: Session) -> None:
    try:
        await session.close(timeout=_CLOSE_S)
    except FAILURES:
        with contextlib.suppress(*FAILURES):
            session.terminate()
