"""A worker that meets an outage of the database ends itself, for somebody will start another. And that one too."""

import logging
import os

import sound
from fastapi import Request
from sound import UNAVAILABLE

log = logging.getLogger(__name__)


async def latest(request: Request) -> list[str]:
    try:
        return await sound.latest(request)
    except UNAVAILABLE:
        log.critical("The database is away; ending the process.")
        os._exit(1)


app = sound.make_app(latest=latest)
