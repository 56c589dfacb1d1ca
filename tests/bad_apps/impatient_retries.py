"""Rates are asked for again at once where they fail or are late, ten times: who is in trouble gets ten times the calls.

Each call is bounded, so that the answers show nothing: only who is called can tell.
"""

import os

import httpx
from fastapi import HTTPException
from sound import make_app

ATTEMPTS = 10
app = make_app()
rates = httpx.AsyncClient(base_url=os.environ["RATES_URL"], timeout=0.3, trust_env=False)


@app.get("/convert/{currency}")
async def convert(currency: str) -> dict[str, float]:
    for _ in range(ATTEMPTS):
        try:
            answer = await rates.get(f"/rates/{currency}")
            return {"rate": answer.raise_for_status().json()["rate"]}
        except httpx.HTTPError:
            continue
    raise HTTPException(502, "no rate at the moment")
