"""How we log in to a PostgreSQL server, and what its errors mean; no message holds a password."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, cast, get_args
from urllib.parse import parse_qsl, unquote, urlsplit

import asyncpg

from harness.errors import UsageError
from harness.model.target import PostgresPart

SslMode = Literal["disable", "prefer", "allow", "require", "verify-ca", "verify-full"]

CONNECT_S = 5.0
COMMAND_S = 30.0


@dataclass(frozen=True, slots=True)
class Login:
    """A role at a server."""

    host: str
    port: int
    user: str
    password: str = field(repr=False)
    database: str
    ssl: SslMode = "disable"


def login_of(part: PostgresPart) -> Login:
    """The login that `parts.NAME.url` describes."""
    key = f"parts.{part.name}.url"
    accepted = "accepted is postgresql://user:password@host:port/database, with ?sslmode=… where it is needed"
    try:
        url = urlsplit(part.url or "")
        port = url.port or 5432
    except ValueError:
        raise UsageError(f"{key} is no URL; {accepted}.") from None
    if url.scheme not in ("postgresql", "postgres") or not url.hostname or not url.username:
        raise UsageError(f"{key} does not name a server and a user; {accepted}.")
    asked = dict(parse_qsl(url.query))
    if unknown := sorted(set(asked) - {"sslmode"}):
        raise UsageError(f"{key} has the unknown parameter {unknown[0]}; {accepted}.")
    mode = asked.get("sslmode", "prefer")
    if mode not in get_args(SslMode):
        raise UsageError(f"{key} has the unknown sslmode {mode}; accepted are {', '.join(get_args(SslMode))}.")
    user = unquote(url.username)
    database = unquote(url.path.lstrip("/")) or user
    return Login(url.hostname, port, user, unquote(url.password or ""), database, cast(SslMode, mode))


async def connect(
    login: Login, *, database: str | None = None, timeout_s: float = CONNECT_S, name: str = "shakedown"
) -> asyncpg.Connection[asyncpg.Record]:
    """A connection whose every command is bounded from this side alone: a limit that the settings give is the app's."""
    connection = await asyncpg.connect(
        host=login.host,
        port=login.port,
        user=login.user,
        password=login.password,
        database=database or login.database,
        ssl=login.ssl,
        timeout=timeout_s,
        command_timeout=COMMAND_S,
        server_settings={"application_name": name},
    )
    await connection.execute("SET statement_timeout = 0")  # not as a setting of the start, which poolers refuse
    return connection


def is_refused(error: BaseException) -> bool:
    """Did the server answer, and say no to this login?"""
    return isinstance(error, asyncpg.InvalidAuthorizationSpecificationError | asyncpg.InvalidCatalogNameError)


def reason(error: BaseException) -> str:
    """The error as one line; a timeout has no text of its own."""
    if isinstance(error, TimeoutError):
        return "no answer in time."
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return lines[0].rstrip(".") + "."
