"""Whoever finds the pool busy waits for as long as it takes: a burst becomes a queue without an end."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import sound
from fastapi import FastAPI
from sound import DSN, Pool

WORK = "SELECT pg_sleep(0.03)"


class Queue(Pool):
    def __init__(self) -> None:
        self.pool = asyncpg.create_pool(DSN, min_size=1, max_size=1, timeout=2, command_timeout=3)

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Any]:
        async with self.pool.acquire() as connection:
            await connection.execute(WORK)
            yield connection


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    async with sound.lifespan(app):
        app.state.pool = queue = Queue()
        await queue.pool
        yield
        await queue.close()


app = sound.make_app(lifespan)
