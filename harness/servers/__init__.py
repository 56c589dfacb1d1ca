"""Servers that can run an app: one a file, each listed here."""

from __future__ import annotations

from harness.servers import granian, gunicorn_asgi, gunicorn_uvicorn, hypercorn, uvicorn
from harness.servers.server import Server

SERVERS: tuple[Server, ...] = (
    gunicorn_uvicorn.SERVER,
    gunicorn_asgi.SERVER,
    uvicorn.SERVER,
    granian.SERVER,
    hypercorn.SERVER,
)


def server_of(id: str) -> Server:
    """The server of that id; a target that was loaded names one that exists."""
    return next(server for server in SERVERS if server.id == id)
