"""Whether this worker may get traffic: a cached verdict, refreshed by a task of its own.

The probe has its own connection. Through the pool, a busy service would call its healthy database down, and be taken
out of the load balancer when it is needed most. It runs detached and is never awaited beyond its limit: asyncpg may
hang on a frozen server even after a cancel, and a readiness endpoint that hangs takes nothing out of rotation.
"""

import asyncio
import logging
import time
from dataclasses import dataclass

import asyncpg

from target_api.database import connect, connect_options
from target_api.settings import Settings

log = logging.getLogger(__name__)

MAX_AGE_S = 3.0
CONFIRM_AFTER_S = 0.25
RESULTS_TO_FLIP = 2


@dataclass(slots=True)
class ReadyVerdict:
    """Up or down, changed by two equal results in a row; the first good one after the start counts at once."""

    ready: bool = False
    why: str = "The database was not reached yet."
    judged_at_s: float = 0.0
    ever_ready: bool = False
    against: int = 0

    def note(self, ok: bool, why: str, now_s: float) -> None:
        self.judged_at_s = now_s
        self.against = self.against + 1 if ok != self.ready else 0
        if self.against >= RESULTS_TO_FLIP or (ok and not self.ever_ready):
            self.ready, self.against = ok, 0
            self.ever_ready = self.ever_ready or ok
            log.log(logging.INFO if ok else logging.WARNING, "Ready." if ok else f"Not ready: {why}")
        if not self.ready:
            self.why = why

    @property
    def pending(self) -> bool:
        """The last result speaks against the verdict: ask again soon."""
        return self.against > 0

    def reason_not_ready(self, now_s: float) -> str | None:
        if not self.ready:
            return self.why
        if now_s - self.judged_at_s > MAX_AGE_S:
            return "The last look at the database is too old."
        return None


class Readiness:
    def __init__(self, settings: Settings) -> None:
        self.interval_s = settings.ready_interval_s
        self.timeout_s = settings.ready_timeout_s
        self.options = connect_options(settings) | {"timeout": self.timeout_s, "command_timeout": self.timeout_s}
        self.verdict = ReadyVerdict()
        self.connection: asyncpg.Connection | None = None
        self.watcher: asyncio.Task[None] | None = None
        self.asking: set[asyncio.Task[None]] = set()

    def start(self) -> None:
        self.watcher = asyncio.create_task(self.watch(), name="readiness")

    async def stop(self) -> None:
        if self.watcher is not None:
            self.watcher.cancel()
            await asyncio.wait({self.watcher}, timeout=1)
        for task in self.asking:
            task.cancel()
        self.drop_connection()

    def reason_not_ready(self) -> str | None:
        return self.verdict.reason_not_ready(time.monotonic())

    async def watch(self) -> None:
        while True:
            started_s = time.monotonic()
            ok, why = await self.look()
            self.verdict.note(ok, why, time.monotonic())
            if self.verdict.pending:
                await asyncio.sleep(CONFIRM_AFTER_S)
            else:
                await asyncio.sleep(max(0.05, self.interval_s - (time.monotonic() - started_s)))

    async def look(self) -> tuple[bool, str]:
        task = asyncio.create_task(self.ask())
        self.asking.add(task)
        task.add_done_callback(self.forget)
        await asyncio.wait({task}, timeout=self.timeout_s)
        if not task.done():
            task.cancel()  # and not waited for: it ends when it can
            self.drop_connection()
            return False, f"The database did not answer within {self.timeout_s:g} s."
        if error := task.exception():
            self.drop_connection()
            return False, f"The database cannot be asked ({type(error).__name__})."
        return True, ""

    async def ask(self) -> None:
        if self.connection is None or self.connection.is_closed():
            self.connection = await connect(**self.options)
        await self.connection.execute("SELECT 1")

    def forget(self, task: asyncio.Task[None]) -> None:
        self.asking.discard(task)
        if not task.cancelled():
            task.exception()  # marks it as seen, where nobody waits for it any more

    def drop_connection(self) -> None:
        if self.connection is not None:
            self.connection.terminate()
            self.connection = None
