"""Who waits for news at SIGTERM waits for ever: the one who brings them has gone, and Uvicorn was given no limit."""

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import FrameType

import sound
from fastapi import FastAPI

PARTS = 10
news = asyncio.Condition()


async def bring_news() -> None:
    while True:
        await asyncio.sleep(0.1)
        async with news:
            news.notify_all()


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    async with sound.lifespan(app):
        bringing = asyncio.create_task(bring_news())
        usual = signal.getsignal(signal.SIGTERM)

        def end(number: int, frame: FrameType | None) -> None:
            bringing.cancel()
            usual(number, frame)  # type: ignore[operator,misc]

        signal.signal(signal.SIGTERM, end)
        yield


async def latest_news() -> dict[str, int]:
    for _ in range(PARTS):
        async with news:
            await news.wait()
    return {"parts": PARTS}


app = sound.make_app(lifespan)
app.add_api_route("/news", latest_news)
