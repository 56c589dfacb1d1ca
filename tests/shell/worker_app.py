"""An app whose workers have what can be hurt from outside: a pool of two connections, and threads."""

import os
from typing import Any

import anyio
import anyio.to_thread
import httpx

part = httpx.AsyncClient(
    base_url=f"http://127.0.0.1:{os.environ['PART_PORT']}", limits=httpx.Limits(max_connections=2), timeout=None
)


async def app(scope: dict[str, Any], receive: Any, send: Any) -> None:
    if scope["type"] == "lifespan":
        while True:
            message = await receive()
            await send({"type": message["type"] + ".complete"})
            if message["type"] == "lifespan.shutdown":
                return
    status = 200
    if scope["path"] == "/part":
        status = (await part.get("/")).status_code
    elif scope["path"] == "/thread":
        await anyio.to_thread.run_sync(sum, range(10))  # as Starlette does for a `def` endpoint
    await send({"type": "http.response.start", "status": status, "headers": [(b"content-length", b"0")]})
    await send({"type": "http.response.body"})
