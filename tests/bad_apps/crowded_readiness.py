"""Readiness asks over the pool of the requests, which has one connection: it falls when that is merely busy."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
import sound
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from sound import DSN, UNAVAILABLE, Pool


class Narrow(Pool):
    def __init__(self) -> None:
        self.pool = asyncpg.create_pool(DSN, min_size=1, max_size=1, timeout=2, command_timeout=3)


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    async with sound.lifespan(app):
        app.state.pool = narrow = Narrow()
        await narrow.pool
        yield
        await narrow.close()


async def ready(request: Request) -> JSONResponse:
    try:
        async with asyncio.timeout(0.7), request.app.state.pool.connection() as connection:
            await connection.fetchval("SELECT 1")
    except UNAVAILABLE:
        return JSONResponse({}, 503)
    return JSONResponse({})


app = sound.make_app(lifespan, ready=ready)
