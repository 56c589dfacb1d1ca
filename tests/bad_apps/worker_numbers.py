"""Each worker takes a number of its own, for the ids that it makes, and gives it back when it ends. One that is killed
never does, so whoever comes in its place waits for a number for ever.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
import sound
from fastapi import FastAPI

NUMBERS = """
SELECT pg_advisory_xact_lock(13);
CREATE TABLE IF NOT EXISTS numbers (number int PRIMARY KEY, free bool NOT NULL);
INSERT INTO numbers VALUES (1, true), (2, true) ON CONFLICT DO NOTHING;
"""
TAKE = """
UPDATE numbers SET free = false WHERE number = (
    SELECT number FROM numbers WHERE free ORDER BY number LIMIT 1 FOR UPDATE SKIP LOCKED
) RETURNING number
"""
GIVE_BACK = "UPDATE numbers SET free = true WHERE number = $1"


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    session = await asyncpg.connect(sound.DSN, timeout=2, command_timeout=3)
    await session.execute(NUMBERS)
    while (number := await session.fetchval(TAKE)) is None:
        await asyncio.sleep(0.2)
    async with sound.lifespan(app):
        yield
    await session.execute(GIVE_BACK, number)
    await session.close()


app = sound.make_app(lifespan)
