"""The defect is in the target file: a request may take 7 s, and a worker that is recycled is killed after 3 s."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
import sound
from fastapi import FastAPI


class Patient(sound.Pool):
    """What waits for a lock has 6 s for it."""

    def __init__(self) -> None:
        self.pool = asyncpg.create_pool(sound.DSN, min_size=0, max_size=5, timeout=2, command_timeout=6)


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    async with sound.lifespan(app):
        app.state.pool = Patient()
        await app.state.pool.pool
        yield
        await app.state.pool.close()


app = sound.make_app(lifespan)
