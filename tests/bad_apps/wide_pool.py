"""A pool of up to twenty sessions in each of two workers, where the database has room for eight. In peace two do."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
import sound
from fastapi import FastAPI
from sound import DSN, Pool


class Wide(Pool):
    def __init__(self) -> None:
        self.pool = asyncpg.create_pool(DSN, min_size=0, max_size=20, timeout=2, command_timeout=3)


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    async with sound.lifespan(app):
        app.state.pool = wide = Wide()
        await wide.pool
        yield
        await wide.close()


app = sound.make_app(lifespan)
