"""What the bad apps do right, so that each of them has one defect only. A support desk: tickets in PostgreSQL.

Every wait is bounded, readiness has a connection of its own and a cached verdict, liveness does no I/O, and nothing
needs the database to start. `python sound.py` makes the table: it is the setup command of each target file.
"""

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel

DSN = os.environ.get("DATABASE_URL")  # without it, libpq's PGHOST and so on
UNAVAILABLE = (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError)
LATEST = "SELECT title FROM tickets ORDER BY id DESC LIMIT 10"
TABLE = "CREATE TABLE IF NOT EXISTS tickets (id bigserial PRIMARY KEY, title text NOT NULL)"
CREATE = "INSERT INTO tickets (title) VALUES ($1)"


class NewTicket(BaseModel):
    title: str


class Pool:
    """Bounded in size and in each wait: acquire 1 s, command 3 s (and 1 s to give back), connect 2 s."""

    def __init__(self, min_size: int = 0) -> None:
        self.pool = asyncpg.create_pool(DSN, min_size=min_size, max_size=5, timeout=2, command_timeout=3)

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Any]:
        connection = await self.pool.acquire(timeout=1)
        try:
            yield connection
        finally:
            with contextlib.suppress(*UNAVAILABLE):
                await self.pool.release(connection, timeout=1)

    async def latest(self) -> list[str]:
        async with self.connection() as connection:
            return [row["title"] for row in await connection.fetch(LATEST)]

    async def create(self, title: str) -> None:
        async with self.connection() as connection:
            await connection.execute(CREATE, title)

    async def close(self) -> None:
        try:
            await asyncio.wait_for(self.pool.close(), 2)
        except UNAVAILABLE:
            self.pool.terminate()


class Readiness:
    """Asks each half second over a connection of its own; two equal answers in a row change the verdict."""

    def __init__(self) -> None:
        self.ready = False
        self.connection: asyncpg.Connection | None = None

    async def watch(self) -> None:
        against = 0
        while True:
            asking = asyncio.create_task(self.ask())
            await asyncio.wait({asking}, timeout=1)
            ok = asking.done() and asking.exception() is None
            if not ok:
                asking.cancel()  # and not waited for: it ends when it can
                self.drop()
            against = against + 1 if ok != self.ready else 0
            if against >= 2:
                self.ready = ok
            await asyncio.sleep(0.5)

    async def ask(self) -> None:
        if self.connection is None or self.connection.is_closed():
            self.connection = await asyncpg.connect(DSN, timeout=1, command_timeout=1)
        await self.connection.execute("SELECT 1")

    def drop(self) -> None:
        if self.connection is not None:
            self.connection.terminate()
            self.connection = None


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    pool, readiness = Pool(), Readiness()
    await pool.pool
    app.state.pool, app.state.readiness = pool, readiness
    watcher = asyncio.create_task(readiness.watch())
    yield
    watcher.cancel()
    readiness.drop()
    await pool.close()


async def unavailable(_: Request, error: Exception) -> JSONResponse:
    return JSONResponse({"detail": type(error).__name__}, 503)


async def alive() -> dict[str, str]:
    return {"status": "alive"}


async def ready(request: Request) -> JSONResponse:
    return JSONResponse({}, 200 if request.app.state.readiness.ready else 503)


async def latest(request: Request) -> list[str]:
    titles: list[str] = await request.app.state.pool.latest()
    return titles


async def create(request: Request, new: NewTicket) -> dict[str, str]:
    await request.app.state.pool.create(new.title)
    return {"title": new.title}


async def about() -> dict[str, str]:
    return {"service": "tickets"}


ROUTES: tuple[tuple[str, str, int, Any], ...] = (
    ("GET", "/health", 200, alive),
    ("GET", "/ready", 200, ready),
    ("GET", "/tickets", 200, latest),
    ("POST", "/tickets", 201, create),
    ("GET", "/about", 200, about),
)


def make_app(lifespan: Any = lifespan, **bad: Any) -> FastAPI:
    """The support desk. `bad` replaces one of the functions above by its name."""
    app = FastAPI(lifespan=lifespan)
    for method, path, status, good in ROUTES:
        app.add_api_route(path, bad.get(good.__name__, good), methods=[method], status_code=status)
    for error in UNAVAILABLE:
        app.add_exception_handler(error, unavailable)
    return app


async def make_table() -> None:
    connection = await asyncpg.connect(DSN)
    async with connection.transaction():  # IF NOT EXISTS alone does not hold for two at once
        await connection.execute("SELECT pg_advisory_xact_lock(12)")
        await connection.execute(TABLE)
    await connection.close()


if __name__ == "__main__":
    asyncio.run(make_table())
