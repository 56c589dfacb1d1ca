"""Each worker starts a helper in a session of its own, so that no signal reaches it, and ends without it."""

import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import sound
from fastapi import FastAPI

HELPER = "import time; time.sleep(600)"


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    subprocess.Popen([sys.executable, "-c", HELPER], start_new_session=True)  # noqa: ASYNC220
    async with sound.lifespan(app):
        yield


app = sound.make_app(lifespan)
