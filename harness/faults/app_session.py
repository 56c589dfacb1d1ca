"""The app's sessions as faults use them: over the link's proxy as a canary, or beside it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from harness.faults.fault import Held, Link
from harness.parts import app_session
from harness.parts.app_session import FAILURES, Session, log_out

__all__ = ["CANARY", "FAILURES", "Session", "becomes_true", "hear", "log_in", "log_out", "sqlstate", "try_log_in"]

CANARY = "shakedown-canary"


async def log_in(held: Held, link: Link | None = None, *, name: str = CANARY) -> Session:
    """Through the link's proxy, or to the server itself. `name` says whose it is: only CANARY counts as the app's."""
    where = held.server.address if link is None else link.proxy.listen
    return await app_session.log_in(where, held.database, name)


async def try_log_in(held: Held, link: Link) -> Session | str:
    """A canary, or why there is none: the SQLSTATE of the refusal, else the kind of the error."""
    try:
        return await log_in(held, link)
    except FAILURES as error:
        return sqlstate(error)


async def hear(held: Held, link: Link, *statements: str) -> str:
    """What a new session of the app's role hears when it says this: "answered", or why it was not."""
    opened = await try_log_in(held, link)
    if isinstance(opened, str):
        return opened
    try:
        for statement in statements:
            await opened.execute(statement)
    except FAILURES as error:
        return sqlstate(error)
    finally:
        await log_out(opened)
    return "answered"


def sqlstate(error: BaseException) -> str:
    return getattr(error, "sqlstate", None) or type(error).__name__


async def becomes_true(holds: Callable[[], bool], within_s: float) -> bool:
    try:
        async with asyncio.timeout(within_s):
            while not holds():
                await asyncio.sleep(0.01)
    except TimeoutError:
        return False
    return True
