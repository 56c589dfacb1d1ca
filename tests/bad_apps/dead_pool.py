"""A pool made by hand: five connections opened at the start, handed round, never made again.

Readiness is sound and has a connection of its own, so after the outage it says ready, and every request fails for ever.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
from fastapi import FastAPI
from sound import DSN, Pool, Readiness, make_app


class HandMade(Pool):
    def __init__(self) -> None:
        self.idle: asyncio.Queue[asyncpg.Connection] = asyncio.Queue()

    async def open(self) -> None:
        for _ in range(5):
            self.idle.put_nowait(await asyncpg.connect(DSN, timeout=2, command_timeout=3))

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Any]:
        connection = await asyncio.wait_for(self.idle.get(), 1)
        try:
            yield connection
        finally:
            self.idle.put_nowait(connection)

    async def close(self) -> None:
        while not self.idle.empty():
            self.idle.get_nowait().terminate()


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    pool, readiness = HandMade(), Readiness()
    await pool.open()
    app.state.pool, app.state.readiness = pool, readiness
    watcher = asyncio.create_task(readiness.watch())
    yield
    watcher.cancel()
    readiness.drop()
    await pool.close()


app = make_app(lifespan)
