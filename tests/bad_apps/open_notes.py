"""Of a request that failed a note is to be kept, in a session and a transaction of its own that nobody ends."""

import time

import asyncpg
import sound
from fastapi import Request
from sound import DSN, UNAVAILABLE

notes: list[asyncpg.Connection] = []
last = -1.0


async def latest(request: Request) -> list[str]:
    try:
        return await sound.latest(request)
    except UNAVAILABLE as error:
        await note(str(error))
        raise


async def note(text: str) -> None:
    """At most one in a second."""
    global last
    if time.monotonic() - last < 1:
        return
    last = time.monotonic()
    connection = await asyncpg.connect(DSN, timeout=2, command_timeout=3)
    notes.append(connection)
    await connection.execute("BEGIN")
    await connection.execute("SELECT pg_notify('notes', $1)", text)


app = sound.make_app(latest=latest)
