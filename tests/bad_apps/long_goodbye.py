"""At the end what waits is to be sent to the statistics, which nobody runs any more: it is tried for ever.

Gunicorn would end that by its grace; the graceful timeout of Uvicorn is for requests alone.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import sound
from fastapi import FastAPI


async def send_statistics() -> None:
    while True:
        try:
            await asyncio.open_connection("127.0.0.1", 9)
        except OSError:
            await asyncio.sleep(1)
        else:
            return


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    async with sound.lifespan(app):
        yield
        await send_statistics()


app = sound.make_app(lifespan)
