"""Writes are acknowledged at once and stored in batches later: what waits for its batch is lost by any trouble.

A batch that cannot be written is dropped with a line in the log, and nobody waits for the last batch at the end.
"""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import sound
from fastapi import FastAPI, Request
from sound import CREATE, UNAVAILABLE, NewTicket, Pool

log = logging.getLogger(__name__)


async def write_batches(pool: Pool, waiting: list[str]) -> None:
    while True:
        await asyncio.sleep(0.5)
        batch = [(title,) for title in waiting]
        waiting.clear()
        try:
            async with pool.connection() as connection:
                await connection.executemany(CREATE, batch)
        except UNAVAILABLE:
            log.exception("Could not store %d tickets.", len(batch))


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    async with sound.lifespan(app):
        app.state.waiting = []
        writer = asyncio.create_task(write_batches(app.state.pool, app.state.waiting))
        yield
        writer.cancel()


async def create(request: Request, new: NewTicket) -> dict[str, str]:
    request.app.state.waiting.append(new.title)
    return {"title": new.title}


app = sound.make_app(lifespan, create=create)
