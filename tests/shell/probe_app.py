"""The smallest app that a probe can meet: healthy, blockable, and one that reads a body."""

import asyncio
import time
from typing import Any

STATUS = {"/health": 200, "/ready": 503, "/items": 201, "/block": 200, "/slow": 200}


async def read_body(receive: Any) -> bytes:
    body: bytes = b""
    while True:
        message = await receive()
        body += message.get("body", b"")
        if not message.get("more_body"):
            return body


def hold_the_loop(seconds: float) -> None:
    time.sleep(seconds)


async def app(scope: dict[str, Any], receive: Any, send: Any) -> None:
    if scope["type"] == "lifespan":
        while True:
            message = await receive()
            await send({"type": message["type"] + ".complete"})
            if message["type"] == "lifespan.shutdown":
                return
    body = await read_body(receive)
    seconds = float(scope["query_string"] or 0)
    if scope["path"] == "/block":
        hold_the_loop(seconds)
    elif scope["path"] == "/slow":
        await asyncio.sleep(seconds)
    status = STATUS.get(scope["path"], 404)
    headers = [(b"content-length", str(len(body)).encode())]
    if seconds < 0:
        headers.append((b"connection", b"close"))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
