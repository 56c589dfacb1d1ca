"""Stops at once on SIGTERM, "because closing the pool took too long in production": who is being served is cut off."""

import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import FrameType

import sound
from fastapi import FastAPI


def stop(number: int, frame: FrameType | None) -> None:
    os._exit(0)


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    async with sound.lifespan(app):
        signal.signal(signal.SIGTERM, stop)
        yield


app = sound.make_app(lifespan)
