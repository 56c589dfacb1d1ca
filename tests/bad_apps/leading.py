"""One worker of all does what is to be done once. Who leads holds a lock in the database until his session ends."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import asyncpg
import sound
from fastapi import FastAPI


async def lead(work: Callable[[], Awaitable[None]], pause_s: float) -> None:
    session = await asyncpg.connect(sound.DSN, timeout=2, command_timeout=3)
    while not await session.fetchval("SELECT pg_try_advisory_lock(11)"):
        await asyncio.sleep(pause_s)
    await asyncio.sleep(pause_s)
    await work()


def app_with(work: Callable[[], Awaitable[None]], pause_s: float) -> FastAPI:
    """Its workers are ready when they come up, so that nobody sees one that is replaced but who was cut off."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with sound.lifespan(app):
            while not app.state.readiness.ready:
                await asyncio.sleep(0.05)
            leading = asyncio.create_task(lead(work, pause_s))
            yield
            leading.cancel()

    app = sound.make_app(lifespan)
    app.add_api_route("/convert/{currency}", convert)
    return app


async def convert(currency: str) -> dict[str, str]:
    return {currency: "as of this morning"}
