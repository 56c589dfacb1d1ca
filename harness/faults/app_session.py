"""A session of ours as the app has one: its role, its database; over the proxy as a canary, or beside it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import TypeAlias

import asyncpg

from harness.faults.fault import Held, Link

Session: TypeAlias = "asyncpg.Connection[asyncpg.Record]"

CANARY = "shakedown-canary"
# The last is what asyncpg says of a session that is being ended at this very moment.
FAILURES = (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError)
_OPEN_S = 2.0
_CLOSE_S = 1.0


async def log_in(held: Held, link: Link | None = None, *, name: str = CANARY) -> Session:
    """Through the link's proxy, or to the server itself. `name` says whose it is: only CANARY counts as the app's."""
    where = held.server.address if link is None else link.proxy.listen
    database = held.database
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


async def try_log_in(held: Held, link: Link) -> Session | str:
    """A canary, or why there is none: the SQLSTATE of the refusal, else the kind of the error."""
    try:
        return await log_in(held, link)
    except FAILURES as error:
        return sqlstate(error)


def sqlstate(error: BaseException) -> str:
    return getattr(error, "sqlstate", None) or type(error).__name__


async def log_out(*sessions: Session | None) -> None:
    """Whatever they do at the moment and whether or not the server is still there."""
    await asyncio.gather(*(_log_out(session) for session in sessions if session is not None))


async def _log_out(session: Session) -> None:
    try:
        await session.close(timeout=_CLOSE_S)
    except FAILURES:
        with contextlib.suppress(*FAILURES):
            session.terminate()


async def becomes_true(holds: Callable[[], bool], within_s: float) -> bool:
    try:
        async with asyncio.timeout(within_s):
            while not holds():
                await asyncio.sleep(0.01)
    except TimeoutError:
        return False
    return True
