"""Where the database refuses, connecting is tried again at once, twenty times for each request."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import sound
from fastapi import FastAPI
from sound import Pool

ATTEMPTS = 20


class Impatient(Pool):
    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Any]:
        connection = await self.acquire()
        try:
            yield connection
        finally:
            await self.pool.release(connection, timeout=1)

    async def acquire(self) -> Any:
        for _ in range(ATTEMPTS - 1):
            try:
                return await self.pool.acquire(timeout=1)
            except (OSError, asyncpg.PostgresError):
                continue
        return await self.pool.acquire(timeout=1)


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    async with sound.lifespan(app):
        app.state.pool = impatient = Impatient()
        await impatient.pool
        yield
        await impatient.close()


app = sound.make_app(lifespan)
