"""The first target file of an app: what is known stands there, the rest as comments that say what it is for. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from harness.app_routes import AppRoutes
from harness.target_load import refusal

_LIVE = ("/health", "/healthz", "/livez", "/live", "/health/live", "/liveness", "/alive", "/ping", "/status")
_READY = ("/ready", "/readyz", "/health/ready", "/readiness")
USUAL = (*_LIVE, *_READY)
_NOT_ASKED = ("/docs", "/redoc", "/openapi.json", "/metrics")
_MOST_LINES = 5
_DATABASE = (
    "DATABASE_URL",
    "postgresql://{postgres.user}:{postgres.password}@{postgres.host}:{postgres.port}/{postgres.database}",
)


@dataclass(frozen=True, slots=True)
class Draft:
    """What is known of an app. `routes` is None where it did not tell; `python` "" where none was found beside it."""

    app: str
    python: str = ""
    setup: tuple[str, ...] = ()
    routes: AppRoutes | None = None


def draft(known: Draft) -> str:
    """The file as text."""
    parts = (_target(known), _parts(known), _load(known), _promises())
    return "\n\n".join("\n".join(lines) for lines in parts) + "\n"


def _target(known: Draft) -> Iterator[str]:
    yield "# A deployment for shakedown: docs/target-file.md of Shakedown has every key."
    yield ""
    yield "[target]"
    yield f"app = {_text(known.app)}"
    if known.python:
        yield f"python = {_text(known.python)}     # the app's own interpreter, with its server"
    else:
        yield '# python = ".venv/bin/python"     # the app\'s own interpreter; unset: that of Shakedown'
    yield '# server = "gunicorn-uvicorn"     # or gunicorn-asgi, uvicorn, granian, hypercorn'
    yield "# workers = 2"
    yield from _probes(known.routes)
    if known.setup:
        yield f"setup = [{', '.join(map(_text, known.setup))}]     # once, before the first worker"
    else:
        yield '# setup = ["alembic upgrade head"]     # once, before the first worker'
    yield '# pass_env = ["NAME"]     # variables of your shell that the app is to see; it sees no other'


def _probes(routes: AppRoutes | None) -> Iterator[str]:
    """Where there is one path for both it is named twice; where there is none, whoever reads it has to choose."""
    known = routes.known if routes is not None else ()
    live, ready = _first(_LIVE, known), _first(_READY, known)
    if live or ready:
        alone = "" if live and ready else " (one of its own is better)"
        yield f"live = {_text(live or ready)}     # is the process alive? without any I/O{'' if live else alone}"
        yield f"ready = {_text(ready or live)}     # can it serve?{'' if ready else alone}"
        return
    why = "none of the usual paths was found; one can be named for both" if routes is not None else "please check"
    yield f'live = "/health"     # is the process alive? {why}'
    yield 'ready = "/ready"     # can it serve?'


def _parts(known: Draft) -> Iterator[str]:
    """What the app finds by a variable; commented out where nothing says that it has a database."""
    mark = "" if known.routes is not None and known.routes.postgres else "# "
    name, value = _DATABASE
    yield "[target.env]     # the braces are filled in with the address of a proxy, never of the part itself"
    yield f"{mark}{name} = {_text(value)}"
    yield ""
    yield f"{mark}[parts.postgres]     # started for each run, with a fresh database for each trial"
    yield ""
    yield '# [parts.pricing]     # an HTTP dependency, as { PRICING_URL = "{pricing.url}" }; it answers 200 and {}'
    yield '# kind = "http"'


def _load(known: Draft) -> Iterator[str]:
    yield "[load]"
    yield "# rate_rps = 50     # unset: a calibration finds and prints it; set it, so that runs can be compared"
    for path in _asked(known.routes):
        yield ""
        yield "[[load.requests]]"
        yield f"path = {_text(path)}"
        yield "# needs = []     # which parts it cannot do without; unset: every part"
    yield ""
    yield "# [[load.requests]]     # writes: each {key} is another one; half sent, they are held open across SIGTERM"
    yield '# method = "POST"'
    yield '# path = "/items"'
    yield '# json = { name = "{key}" }'
    yield "# expect = [201]"
    yield ""
    yield "# [ledger]     # where the keys of acknowledged writes must be found"
    yield '# keys = "SELECT name FROM items"'


def _promises() -> Iterator[str]:
    yield "# [slo]     # what you promise; these are the defaults"
    yield "# p99_ms = 250"
    yield "# error_rate = 0.001"
    yield "# deadline_s = 10"


def _asked(routes: AppRoutes | None) -> Sequence[str]:
    """Paths that anybody may get, but for those of probes and pages. None is left: the liveness path is asked."""
    free = routes.free if routes is not None else ()
    fit = [path for path in free if "{" not in path and refusal(path=path) is None]
    return [path for path in fit if path not in (*USUAL, *_NOT_ASKED)][:_MOST_LINES]


def _first(usual: Sequence[str], there: Sequence[str]) -> str:
    return next((path for path in usual if path in there), "")


def _text(value: str) -> str:
    """A basic string of TOML, which JSON's are too."""
    return json.dumps(value, ensure_ascii=False)
