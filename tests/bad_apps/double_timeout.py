"""The timeout of a command is nearly the deadline of the request, and giving up waits as long again for the cancel."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import sound
from fastapi import FastAPI
from sound import DSN, Pool


class Tight(Pool):
    def __init__(self) -> None:
        self.pool = asyncpg.create_pool(DSN, min_size=5, max_size=5, timeout=8, command_timeout=8)

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Any]:
        async with asyncio.timeout(1):
            connection = await self.pool.acquire()
        try:
            yield connection
        finally:
            await self.pool.release(connection)


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    async with sound.lifespan(app):
        app.state.pool = tight = Tight()
        await tight.pool
        yield
        await tight.close()


app = sound.make_app(lifespan)
