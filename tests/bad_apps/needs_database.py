"""The defect: it asks the database before it starts, and ends where there is none."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
import sound
from fastapi import FastAPI


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    connection = await asyncpg.connect(sound.DSN, timeout=2)
    await connection.close()
    async with sound.lifespan(app):
        yield


app = sound.make_app(lifespan)
