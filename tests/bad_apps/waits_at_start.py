"""Each worker takes the lock of the migrations when it starts, and keeps it: the second one waits for it for ever."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
import sound
from fastapi import FastAPI


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    migrations = await asyncpg.connect(sound.DSN, timeout=2)
    await migrations.execute("SELECT pg_advisory_lock(7)")
    async with sound.lifespan(app):
        yield
    migrations.terminate()


app = sound.make_app(lifespan)
