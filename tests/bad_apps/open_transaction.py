"""A session that looks at the tickets in a transaction which nobody ends, as a forgotten autocommit leaves it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
import sound
from fastapi import FastAPI


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    statistics = await asyncpg.connect(sound.DSN, timeout=2, command_timeout=3)
    await statistics.execute("BEGIN")
    await statistics.fetchval("SELECT 1")
    async with sound.lifespan(app):
        yield
    statistics.terminate()


app = sound.make_app(lifespan)
