"""A client that has gone needs no answer, so its request ends at once; the connection that it held is forgotten."""

import sound
from fastapi import Request, Response
from sound import LATEST


async def latest(request: Request) -> Response:
    pool = request.app.state.pool.pool
    connection = await pool.acquire(timeout=1)
    rows = await connection.fetch(LATEST)
    if await request.is_disconnected():
        return Response(status_code=499)
    await pool.release(connection, timeout=1)
    return sound.JSONResponse([row["title"] for row in rows])


app = sound.make_app(latest=latest)
