"""A shop that waits for its supplier as long as that takes: the client has no timeout, and no request a deadline."""

import os

import httpx
from fastapi import FastAPI

app = FastAPI(title="Shop")


@app.get("/health")
@app.get("/ready")
async def alive() -> str:
    return "ok"


@app.get("/stock")
async def stock() -> dict[str, int]:
    async with httpx.AsyncClient(base_url=os.environ["SUPPLIER_URL"], timeout=None, trust_env=False) as client:
        return {"status": (await client.get("/stock")).status_code}
