"""A bulkhead of `PRICING_LIMIT` calls before a dependency that takes 80 ms: requests wait for a place.

The lever is the limit; more workers only help as far as each brings a bulkhead of its own.
"""

import asyncio
import os

import httpx
from fastapi import FastAPI, HTTPException

app = FastAPI()
places = asyncio.Semaphore(int(os.environ["PRICING_LIMIT"]))
pricing = httpx.AsyncClient(base_url=os.environ["PRICING_URL"], timeout=3, trust_env=False)


@app.get("/health")
@app.get("/ready")
async def health() -> dict[str, bool]:
    return {"ok": True}


@app.get("/price")
async def price() -> dict[str, int]:
    try:
        async with places:
            answer = await pricing.get("/prices/anchor")
    except httpx.HTTPError:
        raise HTTPException(502, "no price at the moment") from None
    return {"cents": answer.json()["cents"]}
