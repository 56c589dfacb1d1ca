"""Provokes the answers in which a debug mode shows itself: an unknown path, a malformed body, and a failure inside."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx

from harness.audit.bench import Bench
from harness.audit.facts.configuration import ErrorAnswer
from harness.audit.lines import declared_lines, send
from harness.audit.service import Service
from harness.model.request import KEY, RequestLine

_UNKNOWN = "/shakedown-no-such-path"
_MOST = 4
_BACK_S = 15.0
_NUL = "\\u0000"  # as JSON writes it: a text that PostgreSQL refuses
_HUGE = "99999999999999999999"  # a number that no column holds
_FILE = re.compile(r"(?:/[\w.+-]+){2,}\.pyc?\b|site-packages|File \"")


async def provoke(bench: Bench, service: Service) -> tuple[ErrorAnswer, ...]:
    lines = (await declared_lines(bench))[:_MOST]
    asked = [("an unknown path", await service.ask("GET", _UNKNOWN))]
    for line in lines:
        if line.body:
            asked.append((f"{line.name}, malformed body", await _malformed(service, line)))
        if odd := _odd(line):
            asked.append((f"{line.name}, odd value", await send(service, odd)))
    async with without_postgres(bench, service) as away:
        for line in lines if away else ():
            if line.needs:
                asked.append((f"{line.name}, without its database", await send(service, line)))
    return tuple(ErrorAnswer(what, *_seen(bench, answer)) for what, answer in asked)


async def _malformed(service: Service, line: RequestLine) -> httpx.Response | None:
    return await service.ask(line.method, line.path.replace(KEY, "x"), headers=dict(line.headers), content="{")


def _odd(line: RequestLine) -> RequestLine | None:
    """Values that pass many a validation and fail behind it."""
    path = re.sub(r"(?<==)\d+", _HUGE, line.path)
    body = line.body.replace(KEY, _NUL)
    if (path, body) == (line.path, line.body):
        return None
    return RequestLine(line.name, line.method, path, line.headers, body)


@asynccontextmanager
async def without_postgres(bench: Bench, service: Service) -> AsyncIterator[bool]:
    """All links to PostgreSQL refuse for as long as the requests take."""
    links = [bench.rig.links[name] for name in bench.target.names_of("postgres")]
    try:
        for link in links:
            await bench.rig.toxiproxy.disable(link.proxy)
        yield bool(links)
    finally:
        for link in links:
            await bench.rig.toxiproxy.heal(link.proxy)
        if links:
            await service.until_up(_BACK_S)


def _seen(bench: Bench, answer: httpx.Response | None) -> tuple[int, tuple[str, ...]]:
    if answer is None:
        return -1, ()
    text = answer.text
    shows = {
        "a traceback": "Traceback" in text,
        "a path of a source file": bool(_FILE.search(text)) or str(bench.target.root) in text,
        "the environment": sum(name in text for name in bench.target.env) >= 2,
        "a secret": bool(bench.secrets.found_in(text)),
    }
    return answer.status_code, tuple(kind for kind, is_shown in shows.items() if is_shown)
