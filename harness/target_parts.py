"""The tables [parts.NAME] of a target file."""

from __future__ import annotations

import re

from harness.model.target import HttpPart, Part, PostgresPart, Route
from harness.target_table import Table, show

_NAME = re.compile(r"[a-z][a-z0-9_-]{0,39}")
_RESERVED = ("ingress", "worker", "server", "client", "secret")
_KINDS = ("postgres", "http")


def read_parts(table: Table) -> tuple[Part, ...]:
    """In the order of the file."""
    parts = []
    for name in list(table.raw):
        if not _NAME.fullmatch(name):
            table.wrong("NAME", f"is {show(name)}; accepted: a small letter, then small letters, digits, - and _")
        elif name in _RESERVED:
            table.wrong(name, f"is taken already; accepted: any but {', '.join(_RESERVED)}")
        else:
            part = _read_part(name, table.table(name))
            parts += [part] if part else []
    return tuple(parts)


def _read_part(name: str, table: Table) -> Part | None:
    kind = _read_kind(name, table)
    part: Part | None = None
    if kind == "postgres":
        part = _read_postgres(name, table)
    elif kind == "http":
        part = HttpPart(name, tuple(_read_route(route) for route in table.tables("routes")))
    if part is not None:
        table.done()
    return part


def _read_kind(name: str, table: Table) -> str:
    """A part called postgres is one; any other says what it is."""
    if name == "postgres" and not table.has("kind"):
        return "postgres"
    if not table.has("kind"):
        table.wrong("kind", f"is missing; accepted: {', '.join(_KINDS)}")
        return ""
    accepted = ("postgres",) if name == "postgres" else _KINDS
    return table.text("kind", "", lambda value: None if value in accepted else ", ".join(accepted))


def _read_postgres(name: str, table: Table) -> PostgresPart:
    url = table.text("url", "", _check_url, hide=True) or None
    use_existing = table.truth("use_existing", False)
    if use_existing and url is None:
        table.wrong("use_existing", f"needs {table.key('url')}: the server that exists")
    settings = table.table("settings").scalars()
    if url is not None and settings:
        table.wrong("settings", "are for a server that the harness starts; accepted: settings or url")
    return PostgresPart(name, url, use_existing, settings)


def _check_url(value: str) -> str | None:
    """The URL itself is never shown: it holds a password."""
    if value.startswith(("postgresql://", "postgres://")):
        return None
    return "postgresql://USER:PASSWORD@HOST:PORT/DATABASE of a superuser"


def _read_route(table: Table) -> Route:
    route = Route(
        path=table.text("path", None, _check_path),
        status=table.whole("status", 200, 200, 599),
        json=_read_answer(table),
        latency_ms=table.number("latency_ms", 0.0, 0.0, 60_000.0),
    )
    table.done()
    return route


def _check_path(value: str) -> str | None:
    if value.startswith("/") and "*" not in value[:-1] and value.isascii() and not re.search(r"\s", value):
        return None
    return "a path that starts with /, with a * at its end for any rest"


def _read_answer(table: Table) -> object:
    return table.raw["json"] if table.json("json") is not None else {}
