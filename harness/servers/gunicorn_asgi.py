"""Gunicorn with its own ASGI workers, without Uvicorn: the supervisor and its options are the same."""

from __future__ import annotations

import re
from dataclasses import replace

from harness.servers import gunicorn_uvicorn
from harness.servers.server import Note, read_line

_LINES = (("boot-failed", re.compile(r"ASGI lifespan startup failed|No servers could be started")),)


def note(line: str) -> Note | None:
    return gunicorn_uvicorn.note(line) or read_line(line, _LINES)


SERVER = replace(
    gunicorn_uvicorn.SERVER,
    id="gunicorn-asgi",
    install="gunicorn 24 or newer",
    ours={**gunicorn_uvicorn.SERVER.ours, "worker_class": "it is target.server"},
    note=note,
    fixed={"worker_class": "asgi"},
    known_limits=(gunicorn_uvicorn.SILENT_RELOAD,),
)
