"""What clients that behave badly ask for: lines of the load, so that the service does what it does for others."""

from __future__ import annotations

import random
from collections.abc import Sequence

from harness.faults.fault import Stage
from harness.model.request import KEY, RequestLine


def reads(stage: Stage) -> list[RequestLine]:
    """GET lines, which store nothing; the liveness path where there is none."""
    found = [line for line in stage.lines if line.method == "GET" and not line.uses_key]
    return found or [RequestLine("live", "GET", _live(stage))]


def write(stage: Stage) -> RequestLine:
    """The first line that sends a body; a POST to the liveness path where there is none."""
    return next((line for line in stage.lines if line.body), RequestLine("live", "POST", _live(stage)))


def drawn(lines: Sequence[RequestLine], chance: random.Random) -> RequestLine:
    """One of them, by their weights in the load."""
    return chance.choices(lines, [line.weight for line in lines])[0]


def head(line: RequestLine, *more: str) -> bytes:
    """Request line and headers; `more` are whole headers. Nothing that a key would make unique is stored by it."""
    headers = [f"{name}: {value.replace(KEY, 'badly')}" for name, value in line.headers]
    first = f"{line.method} {line.path.replace(KEY, 'badly')} HTTP/1.1"
    return "\r\n".join([first, "Host: shakedown", *headers, *more, "", ""]).encode()


def _live(stage: Stage) -> str:
    ingress = stage.links.get("ingress")
    return ingress.live if ingress else "/"
