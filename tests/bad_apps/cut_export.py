"""A long answer stops where SIGTERM finds it: its status 200 has been sent, and the rest never comes."""

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import FrameType

import sound
from fastapi import FastAPI
from fastapi.responses import StreamingResponse

LINES = 20


class Stop:
    def __init__(self) -> None:
        self.asked = False

    def __call__(self, number: int, frame: FrameType | None) -> None:
        self.asked = True


stop = Stop()


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    async with sound.lifespan(app):
        usual = signal.getsignal(signal.SIGTERM)

        def both(number: int, frame: FrameType | None) -> None:
            stop(number, frame)
            usual(number, frame)  # type: ignore[operator,misc]

        signal.signal(signal.SIGTERM, both)
        yield


async def lines() -> AsyncIterator[str]:
    for number in range(LINES):
        if stop.asked:
            return
        yield f"{number:4}\n"
        await asyncio.sleep(0.1)


async def export() -> StreamingResponse:
    return StreamingResponse(lines(), headers={"content-length": str(LINES * 5)})


app = sound.make_app(lifespan)
app.add_api_route("/export", export)
