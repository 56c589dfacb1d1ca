"""A thread looks for new prices, and nobody tells it to end: at its own end a worker waits for it, which blocks the
event loop for ever, and Uvicorn waits for the worker.
"""

import threading
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import sound
from fastapi import FastAPI


def look_for_prices() -> None:
    while True:
        time.sleep(1)


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    looking = threading.Thread(target=look_for_prices, daemon=True)
    looking.start()
    async with sound.lifespan(app):
        yield
    looking.join()


app = sound.make_app(lifespan)
