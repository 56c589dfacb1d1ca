"""A command line for servers that are given their options there: Uvicorn, Granian, Hypercorn.

The options of a target file are named like the flags, so that each becomes one. Comments stand above the command.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator

from harness.tuning.paste.file import File, comments, is_hidden, left_out, make, shown
from harness.tuning.paste.gunicorn import settings_of
from harness.tuning.recommendation import Recommendation, Setting

_NO = {"uvicorn": "--no-", "granian": "--no-"}


def command_line(recommendation: Recommendation, app: str, server: str) -> File | None:
    found = settings_of(recommendation, server)
    if not found:
        return None
    hidden = [each.key for each in found if is_hidden(each)]
    told = [left_out(each) if is_hidden(each) else comments(each) for each in found]
    words = [word for each in found if not is_hidden(each) for word in _flags(each, server)]
    lines = [shlex.join([server, *words, *_asgi(server), app])]
    head = f"How to start {server} as Shakedown recommends it; add your own options, and the address to listen on."
    return make("start.sh", head, [*told, lines], hidden)


def _flags(setting: Setting, server: str) -> Iterator[str]:
    name = setting.name.replace("_", "-")
    if setting.value is True:
        yield f"--{name}"
    elif setting.value is False:
        if server in _NO:
            yield f"{_NO[server]}{name}"
    else:
        yield f"--{name}={shown(setting.value)}"


def _asgi(server: str) -> list[str]:
    """Granian serves its own protocol unless it is told."""
    return ["--interface=asgi"] if server == "granian" else []
