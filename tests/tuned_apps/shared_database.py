"""A pool of `POOL_SIZE` connections before a query that takes the longer, the more connections the server has open.

Each request also holds its worker for 8 ms, as a library does that is not asynchronous. So with few workers these are
the limit, and with many connections (workers × pool) the database is: the best number of either lies inside of what is
tried, and depends on the other. All of it is waiting, so two CPUs suffice to prove each rate.
"""

import os
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
from fastapi import FastAPI, HTTPException

NAME = "shared-database"
QUERY = f"""
SELECT 42
FROM (SELECT count(*)::float8 AS connections FROM pg_stat_activity WHERE application_name = '{NAME}') AS opened,
    LATERAL pg_sleep(0.02 * (1 + (opened.connections / 8) ^ 2))
"""
UNAVAILABLE = (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError)


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    size = int(os.environ["POOL_SIZE"])
    app.state.pool = await asyncpg.create_pool(
        os.environ["DATABASE_URL"],
        min_size=size,
        max_size=size,
        timeout=2,
        command_timeout=3,
        server_settings={"application_name": NAME},
    )
    yield
    await app.state.pool.close()


app = FastAPI(lifespan=lifespan)


@app.get("/health")
@app.get("/ready")
async def health() -> dict[str, bool]:
    return {"ok": True}


@app.get("/answer")
async def answer() -> dict[str, int]:
    time.sleep(0.008)  # noqa: ASYNC251  # what holds the worker
    try:
        async with app.state.pool.acquire(timeout=1) as connection:
            return {"answer": await connection.fetchval(QUERY)}
    except UNAVAILABLE:
        raise HTTPException(503, "no connection to the database") from None
