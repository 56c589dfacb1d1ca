"""A place among ten is taken before a body is read: clients that send slowly hold all of them, and who writes waits."""

import asyncio
from collections.abc import Awaitable, Callable

from fastapi import Request, Response
from sound import make_app

app = make_app()
places = asyncio.Semaphore(5)


@app.middleware("http")
async def bulkhead(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
    if request.method != "POST":
        return await call_next(request)
    async with places:
        await request.body()
        return await call_next(request)
