"""The defect is in the target file: a worker is recycled after few requests, for its memory may grow."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import sound
from fastapi import FastAPI


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Ready when it comes up, so that nobody sees it but who was cut off."""
    async with sound.lifespan(app):
        while not app.state.readiness.ready:
            await asyncio.sleep(0.05)
        yield


app = sound.make_app(lifespan)
