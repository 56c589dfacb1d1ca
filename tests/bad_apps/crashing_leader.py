"""One worker of all looks at the rates for everybody, and ends itself when they fail: another will take over. It does.

Who leads holds a lock in the database, which is free again with the end of his session.
"""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
import httpx
import sound
from fastapi import FastAPI

RATES_URL = os.environ["RATES_URL"]
PAUSE_S = 2


async def lead() -> None:
    session = await asyncpg.connect(sound.DSN, timeout=2, command_timeout=3)
    while not await session.fetchval("SELECT pg_try_advisory_lock(11)"):
        await asyncio.sleep(PAUSE_S)
    await asyncio.sleep(PAUSE_S)
    async with httpx.AsyncClient(base_url=RATES_URL, timeout=1, trust_env=False) as rates:
        while (await rates.get("/rates/eur")).is_success:
            await asyncio.sleep(0.5)
    os._exit(1)


async def convert(currency: str) -> dict[str, str]:
    return {currency: "as of this morning"}


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Ready when it comes up, so that nobody sees it but who was cut off."""
    async with sound.lifespan(app):
        while not app.state.readiness.ready:
            await asyncio.sleep(0.05)
        leading = asyncio.create_task(lead())
        yield
        leading.cancel()


app = sound.make_app(lifespan)
app.add_api_route("/convert/{currency}", convert)
