"""Readiness asks through the shared pool, under a timeout that does not hold.

When the database is silent, asyncpg wants to cancel the query over a new connection, and giving the connection back
waits for that: no timeout of the caller interrupts it. The requests bound each of these steps, readiness does not.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from sound import CREATE, DSN, LATEST, UNAVAILABLE, Pool, make_app


class Tickets(Pool):
    """The same pool without a command timeout of its own: each command says its timeout.

    It is large enough that the requests of the second in which the database falls silent leave some for readiness.
    """

    def __init__(self) -> None:
        self.pool = asyncpg.create_pool(DSN, min_size=30, max_size=30, timeout=2)

    async def latest(self) -> list[str]:
        async with self.connection() as connection:
            return [row["title"] for row in await connection.fetch(LATEST, timeout=3)]

    async def create(self, title: str) -> None:
        async with self.connection() as connection:
            await connection.execute(CREATE, title, timeout=3)


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    app.state.pool = Tickets()
    await app.state.pool.pool
    yield
    await app.state.pool.close()


async def ready(request: Request) -> JSONResponse:
    try:
        async with asyncio.timeout(0.8):
            await request.app.state.pool.pool.fetchval("SELECT 1")
    except UNAVAILABLE:
        return JSONResponse({"status": "no database"}, 503)
    return JSONResponse({"status": "ok"})


app = make_app(lifespan, ready=ready)
