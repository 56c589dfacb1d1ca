"""A pool of `POOL_SIZE` connections before a query that takes 40 ms in the database: requests wait for a connection.

The lever is the size of the pool; more workers only help as far as each brings a pool of its own.
"""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
from fastapi import FastAPI, HTTPException

UNAVAILABLE = (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError)


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    size = int(os.environ["POOL_SIZE"])
    url = os.environ["DATABASE_URL"]
    app.state.pool = await asyncpg.create_pool(url, min_size=size, max_size=size, timeout=2, command_timeout=3)
    yield
    await app.state.pool.close()


app = FastAPI(lifespan=lifespan)


@app.get("/health")
@app.get("/ready")
async def health() -> dict[str, bool]:
    return {"ok": True}


@app.get("/sum")
async def total() -> dict[str, int]:
    try:
        async with app.state.pool.acquire(timeout=1) as connection:
            return {"sum": await connection.fetchval("SELECT 42 FROM pg_sleep(0.04)")}
    except UNAVAILABLE:
        raise HTTPException(503, "no connection to the database") from None
