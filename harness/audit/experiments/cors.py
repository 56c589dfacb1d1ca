"""Asks as a browser would for a page of another origin: preflights and plain requests, foreign and trusted ones."""

from __future__ import annotations

from urllib.parse import urlsplit

from harness.audit.bench import Bench
from harness.audit.checks.cors import CHECKS
from harness.audit.facts.cors import Cors, CorsAnswer
from harness.audit.row import Row
from harness.audit.service import Service

FOREIGN = "https://foreign.shakedown.test"
ODD_METHOD, ODD_HEADER = "DELETE", "x-shakedown-odd"
_PATHS = 3


async def observe(bench: Bench) -> Cors:
    service, spec = await bench.service(), bench.spec
    origins = [("foreign", FOREIGN), ("null", "null")]
    origins += [("lookalike", each) for origin in spec.origins[:1] for each in lookalikes(origin)]
    origins += [("trusted", origin) for origin in spec.origins]
    paths = list(dict.fromkeys(line.path.split("?")[0] for line in bench.target.load.requests))[:_PATHS]
    answers = [
        await _ask(service, kind, origin, path, preflight)
        for kind, origin in origins
        for path in paths
        for preflight in (True, False)
    ]
    return Cors(tuple(answers), spec.origins, spec.credentials)


def lookalikes(origin: str) -> tuple[str, ...]:
    """Origins that a pattern or a prefix would take for a trusted one."""
    parts = urlsplit(origin)
    other = "http" if parts.scheme == "https" else "https"
    return (f"{origin}.foreign.test", f"{parts.scheme}://foreign{parts.netloc}", f"{other}://{parts.netloc}")


async def _ask(service: Service, kind: str, origin: str, path: str, preflight: bool) -> CorsAnswer:
    headers = {"Origin": origin}
    if preflight:
        headers |= {"Access-Control-Request-Method": ODD_METHOD, "Access-Control-Request-Headers": ODD_HEADER}
    answer = await service.ask("OPTIONS" if preflight else "GET", path, headers=headers)
    if answer is None:
        return CorsAnswer(kind, origin, preflight, path, -1)
    allowed = {name: answer.headers.get(f"access-control-allow-{name}", "") for name in _NAMES}
    return CorsAnswer(
        kind=kind,
        origin=origin,
        preflight=preflight,
        path=path,
        status=answer.status_code,
        allow_origin=allowed["origin"],
        allow_credentials=allowed["credentials"].lower() == "true",
        allow_methods=allowed["methods"],
        allow_headers=allowed["headers"],
    )


_NAMES = ("origin", "credentials", "methods", "headers")


ROW = Row(
    "cors",
    "Do browsers let only trusted origins in?",
    Cors,
    observe,
    CHECKS,
)
