"""PostgreSQL as the reserved superuser connection sees it (T17): the app's sessions and the server's limit.

Its log says who ended a statement, the server by its own limit or somebody else: the error itself tells it to one
client only.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Protocol

import asyncpg

from harness.errors import HarnessError
from harness.model.observation import DatabaseSampled, Noted
from harness.parts.postgres_reserved import Sessions
from harness.probes.logs import Tail
from harness.probes.ticks import ticks
from harness.probes.watch import Watch

PERIOD_S = 1.0
TIMEOUT_S = 2.0
_FULL = (
    "sorry, too many clients already",
    "remaining connection slots are reserved",
    "too many connections for role",
    "too many connections for database",
)
_TIMED_OUT = "canceling statement due to statement timeout"
_CANCELLED = "canceling statement due to user request"
_FAILURES = (OSError, TimeoutError, HarnessError, asyncpg.PostgresError, asyncpg.InterfaceError)


class Sampled(Protocol):
    """What can count sessions; it does not pass the proxy."""

    async def sample(self) -> Sessions:
        """What PostgreSQL knows of the app's sessions now."""


class DatabaseProbe:
    """Emits DatabaseSampled at 1 Hz. While the database cannot be asked there are no samples; that is noted once.

    `kept` of the server's connections are not for the app. `log` is that of a server which we started: it alone tells
    of connections that were refused, and of statements that were ended, between two looks.
    """

    def __init__(self, watch: Watch, part: str, reserved: Sampled, *, kept: int = -1, log: Path | None = None) -> None:
        self._watch, self._part, self._reserved, self._kept = watch, part, reserved, kept
        self._tail = Tail(log) if log is not None else None
        self._refused, self._timed_out, self._cancelled = (0, 0, 0) if log is not None else (-1, -1, -1)
        self._noted = False

    async def run(self) -> None:
        if self._tail is not None:
            self._tail.skip()
        async for _ in ticks(PERIOD_S):
            self._read_log()
            sent_ns = self._watch.clock.now_ns()
            try:
                async with asyncio.timeout(TIMEOUT_S):
                    counts = await self._reserved.sample()
            except _FAILURES as error:
                self._note(error, sent_ns)
                continue
            done_ns = self._watch.clock.now_ns()
            self._watch.emit(
                DatabaseSampled(
                    self._part,
                    counts.sessions,
                    counts.active,
                    counts.idle_in_transaction,
                    counts.max_connections,
                    sent_ns,
                    done_ns,
                    reserve=self._kept,
                    refused=self._refused,
                    oldest_s=counts.oldest_s,
                    timed_out=self._timed_out,
                    cancelled=self._cancelled,
                )
            )

    def _read_log(self) -> None:
        for line in self._tail.lines() if self._tail is not None else ():
            self._refused += "FATAL:" in line and any(words in line for words in _FULL)
            self._timed_out += "ERROR:" in line and _TIMED_OUT in line
            self._cancelled += "ERROR:" in line and _CANCELLED in line

    def _note(self, error: Exception, sent_ns: int) -> None:
        if self._noted:
            return
        self._noted = True
        text = f"The sessions at {self._part} could not be counted: {type(error).__name__}: {error}."
        self._watch.emit(Noted("database-unseen", text, {"part": self._part}, sent_ns, self._watch.clock.now_ns()))
