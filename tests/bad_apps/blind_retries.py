"""A shop that orders at its supplier, and orders again and again while that answers with an error."""

import os

import httpx
from fastapi import FastAPI, HTTPException

ATTEMPTS = 4
app = FastAPI(title="Shop")


@app.get("/health")
@app.get("/ready")
async def alive() -> str:
    return "ok"


@app.post("/orders", status_code=201)
async def order() -> dict[str, bool]:
    async with httpx.AsyncClient(base_url=os.environ["SUPPLIER_URL"], timeout=1, trust_env=False) as client:
        for _ in range(ATTEMPTS):
            try:
                if (await client.post("/orders")).status_code < 500:
                    return {"ordered": True}
            except httpx.TimeoutException:
                raise HTTPException(504, "the supplier is slow") from None
    raise HTTPException(503, "the supplier is away")
