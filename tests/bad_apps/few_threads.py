"""Plain `def` endpoints share eight threads: while some wait for slow rates, others wait for a thread."""

import json
import os
import urllib.request
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import sound
from anyio import to_thread
from fastapi import FastAPI, HTTPException

RATES_URL = os.environ["RATES_URL"]


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    to_thread.current_default_thread_limiter().total_tokens = 8
    async with sound.lifespan(app):
        yield


def about() -> dict[str, str]:
    return {"service": "tickets"}


def convert(currency: str) -> dict[str, float]:
    try:
        with urllib.request.urlopen(f"{RATES_URL}/rates/{currency}", timeout=3) as response:
            return {"rate": json.load(response)["rate"]}
    except OSError:
        raise HTTPException(502, "no rate at the moment") from None


app = sound.make_app(lifespan, about=about)
app.add_api_route("/convert/{currency}", convert)
