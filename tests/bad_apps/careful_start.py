"""A worker that finds the trace of an earlier one waits eight seconds before it starts, until that one is surely gone.

The first start is quick, so nobody knows; in a reload there is nobody for eight seconds.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
import sound
from fastapi import FastAPI


async def leave_a_trace(connection: asyncpg.Connection) -> None:
    await asyncio.sleep(3)
    with contextlib.suppress(asyncpg.PostgresError):  # the other worker was quicker
        await connection.execute("CREATE TABLE traces ()")


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    connection = await asyncpg.connect(sound.DSN, timeout=2, command_timeout=3)
    if await connection.fetchval("SELECT to_regclass('traces')"):
        await asyncio.sleep(8)
    tracing = asyncio.create_task(leave_a_trace(connection))
    async with sound.lifespan(app):
        yield
    tracing.cancel()
    connection.terminate()


app = sound.make_app(lifespan)
