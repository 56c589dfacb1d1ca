"""The app of `servers.py`: it needs nothing, takes STARTUP_S to start, and can wait or block its loop for as long as
the query says. With REFUSES set its lifespan fails, as that of an app whose database is away."""

import asyncio
import os
import time
from typing import Any


async def app(scope: dict[str, Any], receive: Any, send: Any) -> None:
    if scope["type"] == "lifespan":
        await receive()
        await asyncio.sleep(float(os.environ.get("STARTUP_S", "0")))
        if os.environ.get("REFUSES"):
            await send({"type": "lifespan.startup.failed", "message": "refused"})
            return
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await send({"type": "lifespan.shutdown.complete"})
        return
    seconds = float(scope["query_string"] or 0)
    if scope["path"] == "/block":
        hold_the_loop(seconds)
    else:
        await asyncio.sleep(seconds)
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"{}"})


def hold_the_loop(seconds: float) -> None:
    time.sleep(seconds)
