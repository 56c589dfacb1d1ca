"""Liveness asks the database: an outage of the database becomes a restart of every replica."""

from fastapi import Request
from sound import make_app


async def alive(request: Request) -> dict[str, str]:
    async with request.app.state.pool.connection() as connection:
        await connection.fetchval("SELECT 1")
    return {"status": "alive", "database": "ok"}


app = make_app(alive=alive)
