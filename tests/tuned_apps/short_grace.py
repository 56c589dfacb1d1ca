"""Storing an order takes two seconds after its body has come; gunicorn.graceful_timeout must be longer.

No rate shows it: a grace of one second scores as well as any, and cuts the order that is under way at a shutdown.
"""

import asyncio
import time

from fastapi import FastAPI
from pydantic import BaseModel

app = FastAPI()


class Order(BaseModel):
    name: str


@app.get("/health")
@app.get("/ready")
async def health() -> dict[str, bool]:
    return {"ok": True}


@app.get("/orders")
async def orders() -> list[str]:
    time.sleep(0.01)  # noqa: ASYNC251  # keeps the rate of the app far below that of the machine
    return []


@app.post("/orders", status_code=201)
async def order(new: Order) -> dict[str, str]:
    await asyncio.sleep(2)
    return {"name": new.name}
