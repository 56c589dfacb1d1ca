"""Nothing that a request waits for has a timeout: asyncpg's defaults wait for an answer as long as it takes."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import sound
from fastapi import FastAPI
from sound import DSN, Pool


class Patient(Pool):
    def __init__(self) -> None:
        self.pool = asyncpg.create_pool(DSN, min_size=5, max_size=5)

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Any]:
        async with self.pool.acquire() as connection:
            yield connection


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    async with sound.lifespan(app):
        app.state.pool = Patient()
        await app.state.pool.pool
        yield
        await app.state.pool.close()


app = sound.make_app(lifespan)
