"""It logs all that it knows: its settings with their passwords, each header, each query, each body."""

import os
from collections.abc import Awaitable, Callable

from fastapi import Request, Response
from sound import make_app

print(
    f"settings: DATABASE_URL={os.environ['DATABASE_URL']} TICKETS_API_KEY={os.environ['TICKETS_API_KEY']}", flush=True
)
app = make_app()


@app.middleware("http")
async def log(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
    print(request.method, request.url, dict(request.headers), await request.body(), flush=True)
    return await call_next(request)
