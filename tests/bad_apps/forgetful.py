"""What could not be stored is written to a file of its own, to be stored later. Nobody does, and nobody closes it."""

import tempfile
from typing import IO

import sound
from fastapi import Request
from sound import UNAVAILABLE, NewTicket

later: list[IO[str]] = []


async def create(request: Request, new: NewTicket) -> dict[str, str]:
    try:
        return await sound.create(request, new)
    except UNAVAILABLE:
        file = tempfile.TemporaryFile("w+")  # noqa: SIM115  the defect
        file.write(new.title)
        later.append(file)
        raise


app = sound.make_app(create=create)
