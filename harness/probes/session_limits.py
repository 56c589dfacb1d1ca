"""Which limits in time PostgreSQL gives the app's sessions: asked once, by a session of its role that is not counted.

They come from the server's settings, the database's and the role's, so only a session of that role knows the sum.
"""

from __future__ import annotations

import asyncpg

from harness.deployment import Address
from harness.model.observation import Noted, SessionLimits
from harness.parts.postgres import Database
from harness.probes.watch import Watch

_OPEN_S = 2.0
_NAMES = ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout")
_ASK = "SELECT name, setting::float8 / 1000 AS seconds FROM pg_settings WHERE name = ANY($1::text[])"
_FAILURES = (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError)


async def read_session_limits(watch: Watch, part: str, where: Address, database: Database, mark: str) -> None:
    """One observation, or a note where the role could not ask. `mark` names the session as ours."""
    sent_ns = watch.clock.now_ns()
    try:
        found = await _ask(where, database, mark)
    except _FAILURES as error:
        text = f"The limits of the app's sessions at {part} could not be read: {type(error).__name__}: {error}."
        watch.emit(Noted("session-limits-unseen", text, {"part": part}, sent_ns, watch.clock.now_ns()))
        return
    statement_s, lock_s, idle_s = (found.get(name, 0.0) for name in _NAMES)
    watch.emit(SessionLimits(part, statement_s, lock_s, idle_s, sent_ns, watch.clock.now_ns()))


async def _ask(where: Address, database: Database, mark: str) -> dict[str, float]:
    session = await asyncpg.connect(
        host=where.host,
        port=where.port,
        user=database.user,
        password=database.password,
        database=database.name,
        timeout=_OPEN_S,
        command_timeout=_OPEN_S,
        server_settings={"application_name": mark},
    )
    try:
        return {row["name"]: row["seconds"] for row in await session.fetch(_ASK, list(_NAMES))}
    finally:
        try:
            await session.close(timeout=_OPEN_S)
        except _FAILURES:
            session.terminate()
