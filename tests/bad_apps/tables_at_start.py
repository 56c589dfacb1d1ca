"""Each worker makes the table when it starts: no setup command, no version, and all replicas at once."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import sound
from fastapi import FastAPI


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    await sound.make_table()
    async with sound.lifespan(app):
        yield


app = sound.make_app(lifespan)
