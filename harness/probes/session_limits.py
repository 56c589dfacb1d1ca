"""Which limits in time PostgreSQL gives the app's sessions: asked once, by a session of its role that is not counted.

They come from the server's settings, the database's and the role's, so only a session of that role knows the sum.
"""

from __future__ import annotations

from harness.deployment import Address
from harness.model.observation import Noted, SessionLimits
from harness.parts.app_session import FAILURES, log_in, log_out
from harness.parts.postgres import Database
from harness.probes.watch import Watch

_NAMES = ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout")
_ASK = "SELECT name, setting::float8 / 1000 AS seconds FROM pg_settings WHERE name = ANY($1::text[])"


async def read_session_limits(watch: Watch, part: str, where: Address, database: Database, mark: str) -> None:
    """One observation, or a note where the role could not ask. `mark` names the session as ours."""
    sent_ns = watch.clock.now_ns()
    try:
        found = await _ask(where, database, mark)
    except FAILURES as error:
        text = f"The limits of the app's sessions at {part} could not be read: {type(error).__name__}: {error}."
        watch.emit(Noted("session-limits-unseen", text, {"part": part}, sent_ns, watch.clock.now_ns()))
        return
    statement_s, lock_s, idle_s = (found.get(name, 0.0) for name in _NAMES)
    watch.emit(SessionLimits(part, statement_s, lock_s, idle_s, sent_ns, watch.clock.now_ns()))


async def _ask(where: Address, database: Database, mark: str) -> dict[str, float]:
    session = await log_in(where, database, mark)
    try:
        return {row["name"]: row["seconds"] for row in await session.fetch(_ASK, list(_NAMES))}
    finally:
        await log_out(session)
