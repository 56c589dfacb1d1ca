"""Forged X-Forwarded headers, sent straight to the server from a loopback address that is no proxy.

Who believes them shows it: FastAPI redirects a known path with a slash too many, and `Location` has the scheme that it
thinks it was asked by; a log line has the client's address. Each request is sent plain as well, to compare.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from ipaddress import ip_address, ip_network
from urllib.parse import urlsplit

from harness.audit.facts.server import Forwarded, Redirect
from harness.audit.service import Service

FORGED = "203.0.113.77"
SOURCES = ("127.0.0.2", "127.0.77.2", "127.77.0.2")
TRUSTED = "127.0.0.1"
_PATHS = 4
_LINES_S = 0.5


async def forge(service: Service, trusted: Sequence[str]) -> Forwarded:
    source = next((each for each in SOURCES if not is_trusted(each, trusted)), SOURCES[0])
    paths, mark = asked_paths(service), service.log_size()
    redirects, echoed, answers = [], [], 0
    for path in paths:
        plain = await service.ask("GET", path, source=source)
        forged = await service.ask("GET", path, headers=_headers(), source=source)
        answers += forged is not None
        if forged is not None and FORGED in f"{forged.headers}{forged.text}":
            echoed.append(path)
        redirects.append(
            Redirect(
                path=path,
                source=source,
                plain=_scheme(plain.headers.get("location", "")) if plain is not None else "",
                forged=_scheme(forged.headers.get("location", "")) if forged is not None else "",
                plain_status=plain.status_code if plain is not None else -1,
                forged_status=forged.status_code if forged is not None else -1,
            )
        )
    lines = await _lines(service, mark, source)
    as_client = [line for line in lines if FORGED in line and source not in line]
    return Forwarded(
        source=source,
        source_is_trusted=is_trusted(source, trusted),
        redirects=tuple(redirects),
        answers=answers,
        echoed_on=tuple(echoed),
        lines_forged=len(as_client),
        lines_true=sum(source in line and FORGED not in line for line in lines),
        example=as_client[0][:300] if as_client else "",
        believed_from_trusted=await _from_trusted(service, paths) if is_trusted(TRUSTED, trusted) else None,
    )


def asked_paths(service: Service) -> list[str]:
    """Known paths with a slash too many, and as they are."""
    known = [service.target.live, *(line.path for line in service.target.load.requests if "{" not in line.path)]
    known = list(dict.fromkeys(known))[:_PATHS]
    return [each for path in known for each in (other_slash(path), path)]


def other_slash(path: str) -> str:
    path, question, query = path.partition("?")
    other = path.rstrip("/") if path.endswith("/") and path != "/" else f"{path}/"
    return f"{other}{question}{query}"


def is_trusted(address: str, trusted: Sequence[str]) -> bool:
    return any(entry == "*" or _holds(entry, address) for entry in trusted)


def _holds(entry: str, address: str) -> bool:
    try:
        return ip_address(address) in ip_network(entry, strict=False)
    except ValueError:
        return entry == address


def _headers() -> dict[str, str]:
    return {"X-Forwarded-For": FORGED, "X-Forwarded-Proto": "https"}


def _scheme(location: str) -> str:
    return urlsplit(location).scheme


async def _lines(service: Service, mark: int, source: str) -> list[str]:
    """What was logged meanwhile; a line may come a little after the answer."""
    end = time.monotonic() + _LINES_S
    while True:
        text = service.log_since(mark)
        if FORGED in text or source in text or time.monotonic() >= end:
            return text.splitlines()
        await asyncio.sleep(0.05)


async def _from_trusted(service: Service, paths: Sequence[str]) -> bool | None:
    """Does a proxy that is trusted get through? None where no redirect shows it."""
    for path in paths:
        answer = await service.ask("GET", path, headers=_headers(), source=TRUSTED)
        if answer is not None and (scheme := _scheme(answer.headers.get("location", ""))):
            return scheme == "https"
    return None
