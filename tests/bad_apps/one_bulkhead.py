"""At most eight requests at once, whatever they ask for: the slow ones hold all eight places, and the rest waits."""

import asyncio
import os
from collections.abc import Awaitable, Callable

import httpx
from fastapi import HTTPException, Request, Response
from sound import make_app

app = make_app()
places = asyncio.Semaphore(8)
rates = httpx.AsyncClient(base_url=os.environ["RATES_URL"], timeout=3, trust_env=False)
FREE = ("/health", "/ready")


@app.middleware("http")
async def bulkhead(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
    if request.url.path in FREE:
        return await call_next(request)
    async with places:
        return await call_next(request)


@app.get("/convert/{currency}")
async def convert(currency: str) -> dict[str, float]:
    try:
        answer = await rates.get(f"/rates/{currency}")
    except httpx.HTTPError:
        raise HTTPException(502, "no rate at the moment") from None
    return {"rate": answer.json()["rate"]}
