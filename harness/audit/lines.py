"""The requests that an experiment sends: the declared ones, or what the app's own OpenAPI document offers.

An app of which nothing is declared still has paths that can be asked without knowing more of it.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from typing import Any

import httpx

from harness.audit.bench import Bench
from harness.audit.service import ASK_S, Service
from harness.load.request import contains
from harness.model.request import KEY, RequestLine
from harness.model.target import Target

_MOST_FOUND = 8


def are_declared(target: Target) -> bool:
    """False where the only line is the liveness path, which stands in for none."""
    return any(line.path != target.live for line in target.load.requests)


async def declared_lines(bench: Bench) -> tuple[RequestLine, ...]:
    """As they are sent: with a token where one is asked for."""
    lines = bench.target.load.requests
    if not any(line.uses_token for line in lines):
        return lines
    token = await bench.token()
    return tuple(line.with_token(token) for line in lines)


async def lines_to_ask(bench: Bench, service: Service) -> tuple[RequestLine, ...]:
    """The declared lines; where there is none, GETs of the OpenAPI document that need nothing to be known."""
    if are_declared(bench.target):
        return await declared_lines(bench)
    target = bench.target
    paths = [path for path in get_paths(await openapi(service)) if path not in (target.live, target.ready)]
    return tuple(RequestLine(f"GET {path}", path=path) for path in paths[:_MOST_FOUND])


async def openapi(service: Service) -> Mapping[str, Any]:
    """The app's own document; empty where none is served or it does not parse."""
    answer = await service.ask("GET", "/openapi.json")
    if answer is None or answer.status_code != 200:
        return {}
    try:
        document = answer.json()
    except ValueError:
        return {}
    return document if isinstance(document, dict) else {}


def get_paths(document: Mapping[str, Any]) -> list[str]:
    """Paths that can be asked with GET as they stand: no parameter in them, none required."""
    paths = document.get("paths")
    found = []
    for path, item in (paths if isinstance(paths, dict) else {}).items():
        get = item.get("get") if isinstance(item, dict) else None
        if not isinstance(get, dict) or "{" in path or not path.startswith("/"):
            continue
        parameters = [*item.get("parameters", ()), *get.get("parameters", ())]
        if not any(isinstance(each, dict) and each.get("required") for each in parameters):
            found.append(path)
    return found


async def send(
    service: Service,
    line: RequestLine,
    *,
    headers: Mapping[str, str] | None = None,
    query: str = "",
    timeout_s: float = ASK_S,
) -> httpx.Response | None:
    """One request of a line, with a key of its own; `headers` and `query` come on top. None: no answer."""
    method, path, own, content = filled(line)
    if query:
        path += ("&" if "?" in path else "?") + query
    return await service.ask(method, path, headers={**own, **(headers or {})}, content=content, timeout_s=timeout_s)


def filled(line: RequestLine) -> tuple[str, str, dict[str, str], str | None]:
    """Method, path, headers and body of one request of a line, with a key of its own."""
    key = f"sda-{secrets.token_hex(6)}"
    headers = {name: value.replace(KEY, key) for name, value in line.headers}
    return line.method, line.path.replace(KEY, key), headers, line.body.replace(KEY, key) or None


def as_expected(line: RequestLine, answer: httpx.Response | None) -> bool:
    """By its status, and by its body where the line says what must be in it."""
    if answer is None or answer.status_code not in line.expect:
        return False
    if not line.expect_json or KEY in line.expect_json:
        return True
    try:
        return contains(answer.json(), json.loads(line.expect_json))
    except ValueError:
        return False
