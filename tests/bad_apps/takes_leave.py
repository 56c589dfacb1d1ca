"""The healthy twin of closes_at_once: at SIGTERM it says that it is not ready, and is served for 3 s more."""

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import FrameType

import sound
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse

DELAY_S = 3


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    loop, servers_own = asyncio.get_running_loop(), signal.getsignal(signal.SIGTERM)

    def later(number: int, frame: FrameType | None) -> None:
        app.state.leaving = True
        if callable(servers_own):
            loop.call_soon_threadsafe(loop.call_later, DELAY_S, servers_own, number, frame)

    async with sound.lifespan(app):
        app.state.leaving = False
        signal.signal(signal.SIGTERM, later)
        yield


async def ready(request: Request) -> JSONResponse:
    return await sound.ready(request) if not request.app.state.leaving else JSONResponse({}, 503)


app = sound.make_app(lifespan, ready=ready)
