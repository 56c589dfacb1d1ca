"""The healthy twin: rooms and bookings, written as another team would. Every check of the quick suite passes on it.

`python bookings.py` makes its tables, one job at a time; `python bookings.py down` takes them back. Run by Gunicorn
with the stock Uvicorn worker.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Annotated, Any

import asyncpg
import httpx
from fastapi import Depends, FastAPI, HTTPException, Response
from pydantic import BaseModel, Field

PG_DSN = os.environ["PG_DSN"]
RATES_BASE = os.environ.get("RATES_BASE", "http://127.0.0.1:9")
DB_TROUBLE = (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError)

TABLES = """
SELECT pg_advisory_xact_lock(40);
CREATE TABLE IF NOT EXISTS rooms (number int PRIMARY KEY, beds int NOT NULL);
CREATE TABLE IF NOT EXISTS bookings (
    reference text PRIMARY KEY, room int NOT NULL REFERENCES rooms, nights int NOT NULL
);
INSERT INTO rooms SELECT n, 1 + n % 4 FROM generate_series(1, 40) n ON CONFLICT DO NOTHING;
"""
BOOK = """
INSERT INTO bookings (reference, room, nights) SELECT $1, number, $3 FROM rooms WHERE number = $2
ON CONFLICT (reference) DO UPDATE SET nights = excluded.nights RETURNING reference
"""


class Booking(BaseModel):
    reference: str = Field(min_length=1, max_length=100)
    room: int
    nights: int = Field(ge=1, le=30)


class Rates:
    """What a night costs, from the rates service: at most 1.5 s, at most ten at once."""

    def __init__(self) -> None:
        self.client = httpx.AsyncClient(base_url=RATES_BASE, timeout=1, trust_env=False)
        self.busy = 0

    async def of(self, beds: int) -> int:
        if self.busy >= 10:
            raise HTTPException(503, "rates are slow, try again")
        self.busy += 1
        try:
            async with asyncio.timeout(1.5):
                answer = await self.client.get(f"/v2/rates/{beds}")
            return int(answer.raise_for_status().json()["per_night"])
        except (TimeoutError, httpx.HTTPError, KeyError, ValueError):
            raise HTTPException(502, "no rate at the moment") from None
        finally:
            self.busy -= 1


class Look:
    """Is the database there? One question at a time, on its own connection, detached: whoever asks waits 0.7 s."""

    def __init__(self) -> None:
        self.link: asyncpg.Connection | None = None
        self.asking: asyncio.Task[None] | None = None

    async def ok(self) -> bool:
        if self.asking is None or self.asking.done():
            self.asking = asyncio.create_task(self.ask())
        asked = self.asking
        await asyncio.wait({asked}, timeout=0.7)
        if not asked.done():
            asked.cancel()
        if asked.done() and not asked.cancelled() and asked.exception() is None:
            return True
        self.close()
        return False

    async def ask(self) -> None:
        if self.link is None or self.link.is_closed():
            self.link = await asyncpg.connect(PG_DSN, timeout=0.7, command_timeout=0.7)
        await self.link.execute("SELECT 1")

    def close(self) -> None:
        if self.link is not None:
            self.link.terminate()
            self.link = None


class Service:
    pool: asyncpg.Pool
    rates: Rates
    look: Look


service = Service()


@asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncIterator[None]:
    service.pool = await asyncpg.create_pool(PG_DSN, min_size=0, max_size=8, timeout=1.5, command_timeout=2)
    service.rates, service.look = Rates(), Look()
    yield
    service.look.close()
    await service.rates.client.aclose()
    try:
        await asyncio.wait_for(service.pool.close(), 2)
    except DB_TROUBLE:
        service.pool.terminate()


app = FastAPI(title="Bookings", lifespan=lifespan)


async def session() -> AsyncIterator[Any]:
    """A connection for one request; trouble of the database is 503, whoever notices it."""
    try:
        connection = await service.pool.acquire(timeout=1)
    except DB_TROUBLE:
        raise HTTPException(503, "the database is away") from None
    try:
        yield connection
    except DB_TROUBLE:
        raise HTTPException(503, "the database went away") from None
    finally:
        with suppress(*DB_TROUBLE):  # the pool has dropped it then
            await service.pool.release(connection, timeout=1)


Session = Annotated[Any, Depends(session, scope="function")]


@app.get("/livez")
async def livez() -> str:
    return "ok"


@app.get("/readyz")
async def readyz(response: Response) -> str:
    if await service.look.ok():
        return "ok"
    response.status_code = 503
    return "the database is away"


@app.get("/api/rooms")
async def rooms(db: Session, beds: int = 1) -> list[dict[str, int]]:
    return [dict(row) for row in await db.fetch("SELECT number, beds FROM rooms WHERE beds >= $1 LIMIT 20", beds)]


@app.post("/api/bookings", status_code=201)
async def book(db: Session, booking: Booking) -> dict[str, str]:
    made = await db.fetchval(BOOK, booking.reference, booking.room, booking.nights)
    if made is None:
        raise HTTPException(404, "there is no such room")
    return {"reference": booking.reference}


@app.get("/api/rates/{beds}")
async def rate(beds: int) -> dict[str, int]:
    return {"per_night": await service.rates.of(beds)}


def read_terms() -> dict[str, str]:
    return {"cancellation": "free until the day before"}


@app.get("/api/terms")
async def terms() -> dict[str, str]:
    """Read in a thread, as a file would be: at most a second, that of waiting for a thread included."""
    try:
        async with asyncio.timeout(1):
            return await asyncio.to_thread(read_terms)
    except TimeoutError:
        raise HTTPException(503, "no thread is free") from None


async def change_tables(statements: str) -> None:
    connection = await asyncpg.connect(PG_DSN)
    await connection.execute(statements)
    await connection.close()


if __name__ == "__main__":
    asyncio.run(change_tables("DROP TABLE bookings, rooms" if sys.argv[1:] == ["down"] else TABLES))
