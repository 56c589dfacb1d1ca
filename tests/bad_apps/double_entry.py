"""A ticket is written again when the database did not answer within 80 ms: the first attempt was stored already.

Three attempts, without a key that would make them one. With a database that answers at once nobody sees it.
"""

import sound
from fastapi import HTTPException, Request
from sound import CREATE, NewTicket

ATTEMPTS = 3


async def create(request: Request, new: NewTicket) -> dict[str, str]:
    for _ in range(ATTEMPTS):
        try:
            async with request.app.state.pool.connection() as connection:
                prepared = await connection.prepare(CREATE)
                await prepared.fetch(new.title, timeout=0.08)
        except TimeoutError:
            continue
        return {"title": new.title}
    raise HTTPException(504, "the database is slow")


app = sound.make_app(create=create)
