"""Fills the app's pool behind locked tables, watches what waits, ends all its sessions, and looks who it is.

    tables locked ─▶ many requests at once ─▶ each has ended ─▶ lock lifted ─▶ well again ─▶ sessions ended ─▶ well

A locked table keeps every session that a request gets, so that the pool shows its size, and makes each statement wait
for as long as the app lets it. A slow link would stretch the opening of sessions too, and hide the pool's size.
"""

from __future__ import annotations

import asyncio
import dataclasses
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from urllib.parse import parse_qs, urlsplit

import asyncpg
import httpx

from harness.audit.app_sessions import (
    Connection,
    cut_all,
    locked,
    look,
    roles_of,
    tables_of,
    tls_of,
    waiting,
)
from harness.audit.bench import Bench
from harness.audit.checks.database import CHECKS
from harness.audit.experiments.error_answers import without_postgres
from harness.audit.facts.database import IDLE_S, Burst, Cut, DatabaseUse, Idle, Role, Tls
from harness.audit.lines import are_declared, as_expected, filled, lines_to_ask, send
from harness.audit.row import Row
from harness.audit.service import Service
from harness.model.request import RequestLine

LEAST_REQUESTS, MOST_REQUESTS = 60, 250

_LOOK_S = 0.05
_SLACK_S = 2.0
_WELL_SLACK_S = 5.0
_MOST_LINES = 6


async def observe(bench: Bench) -> DatabaseUse:
    parts = bench.target.names_of("postgres")
    if not parts:
        return DatabaseUse()
    part = parts[0]
    service = await bench.service()
    asked = await _lines(bench, service, part)
    lines = [line for line in asked if as_expected(line, await send(service, line))]
    use = DatabaseUse(
        part=part,
        lines=tuple(line.name for line in asked),
        why_not=_why_not(asked, lines),
        deadline_s=bench.target.slo.deadline_s,
        recover_s=bench.target.limits.recover_s,
    )
    try:
        async with (
            bench.superuser(part, service.databases[part]) as watcher,
            bench.superuser(part, service.databases[part]) as locker,
        ):
            return await _Experiment(bench, service, part, lines, watcher, locker, use).run()
    except (asyncpg.InsufficientPrivilegeError, asyncpg.LockNotAvailableError) as error:
        why = bench.secrets.redact(str(error))
        return dataclasses.replace(use, why_not=f"PostgreSQL refused: {why}")


async def _lines(bench: Bench, service: Service, part: str) -> list[RequestLine]:
    """Those that need the database: as declared, else those that fail while it is away."""
    asked = await lines_to_ask(bench, service)
    if are_declared(bench.target):
        return [line for line in asked if part in line.needs][:_MOST_LINES]
    well = [line for line in asked[:_MOST_LINES] if as_expected(line, await send(service, line))]
    async with without_postgres(bench, service):
        return [line for line in well if not as_expected(line, await send(service, line))]


def _why_not(asked: Sequence[RequestLine], well: Sequence[RequestLine]) -> str:
    if not asked:
        return "no request is known that needs it"
    return "" if well else "no request that needs it is answered as expected, even while nothing is wrong"


@dataclass(slots=True)
class _Seen:
    sessions: int = 0
    longest_s: float = 0.0
    left: int = 0
    statements: set[tuple[int, str]] = field(default_factory=set)


@dataclass(slots=True)
class _Experiment:
    bench: Bench
    service: Service
    part: str
    lines: Sequence[RequestLine]
    watcher: Connection
    locker: Connection
    use: DatabaseUse

    async def run(self) -> DatabaseUse:
        resting = await self._idle("at rest")
        burst = await self._burst()
        idle = (resting, await self._idle("after the burst"))
        tls, roles = await self._tls(), [Role(*role) for role in await roles_of(self.watcher)]
        cut = await self._cut()
        return dataclasses.replace(self.use, burst=burst, tls=tls, idle=idle, cut=cut, roles=tuple(roles))

    async def _burst(self) -> Burst | None:
        """Enough requests that a pool which is too large shows, by as many sessions as would be too many."""
        tables = await tables_of(self.watcher)
        if not self.lines or not tables:
            return None
        most = int(await self.watcher.fetchval("SELECT setting FROM pg_settings WHERE name = 'max_connections'"))
        count = min(MOST_REQUESTS, max(LEAST_REQUESTS, most // 2 + 10))
        seen, began = _Seen(), time.monotonic()
        async with locked(self.locker, tables):
            requests = asyncio.create_task(self._send_all(count))
            try:
                await self._watch(requests, seen)
                answers = await requests
            finally:
                requests.cancel()
        held_s = time.monotonic() - began
        back_s, _ = await self._until_well()
        return Burst(
            requests=count,
            sessions=seen.sessions,
            max_connections=most,
            tables=len(tables),
            waiting=len(seen.statements),
            longest_wait_s=round(seen.longest_s, 2),
            left_waiting=seen.left,
            unanswered=sum(not answered for answered, _ in answers),
            slowest_s=round(max(took_s for _, took_s in answers), 2),
            held_s=round(held_s, 2),
            back_s=back_s,
        )

    async def _watch(self, requests: asyncio.Task[list[tuple[bool, float]]], seen: _Seen) -> None:
        """Until all is answered and nothing waits, or the time is over."""
        end = time.monotonic() + self.use.deadline_s + _SLACK_S + 1.0
        while True:
            blocked = await waiting(self.watcher)
            seen.sessions = max(seen.sessions, (await look(self.watcher)).sessions)
            seen.statements |= {each.statement for each in blocked}
            seen.longest_s = max([seen.longest_s, *(each.age_s for each in blocked)])
            seen.left = len(blocked)
            if time.monotonic() >= end or (requests.done() and not blocked):
                return
            await asyncio.sleep(_LOOK_S)

    async def _send_all(self, count: int) -> list[tuple[bool, float]]:
        """Was it answered, and after how long? On one client: making one for each would spread the burst."""
        async with self.service.client(timeout_s=self.use.deadline_s + _SLACK_S + 0.5) as client:

            async def ask(line: RequestLine) -> tuple[bool, float]:
                method, path, headers, content = filled(line)
                began = time.monotonic()
                try:
                    await client.request(method, path, headers=headers, content=content)
                except httpx.HTTPError:
                    return False, time.monotonic() - began
                return True, time.monotonic() - began

            return list(await asyncio.gather(*(ask(self.lines[n % len(self.lines)]) for n in range(count))))

    async def _until_well(self) -> tuple[float, tuple[str, ...]]:
        """Seconds until every line is answered as expected, twice over on as many connections as there are workers."""
        began = time.monotonic()
        end = began + self.use.recover_s + _WELL_SLACK_S
        while True:
            asked = time.monotonic()
            each = [line for line in self.lines for _ in range(2 * self.service.workers)]
            answers = await asyncio.gather(*(send(self.service, line, timeout_s=_WELL_SLACK_S) for line in each))
            bad = {line.name for line, got in zip(each, answers, strict=True) if not as_expected(line, got)}
            if not bad:
                return round(asked - began, 2), ()
            if time.monotonic() >= end:
                return -1.0, tuple(sorted(bad))
            await asyncio.sleep(_LOOK_S)

    async def _idle(self, when: str) -> Idle:
        began, most, oldest_s = time.monotonic(), 0, 0.0
        while True:
            seen = await look(self.watcher)
            most, oldest_s = max(most, seen.idle), max(oldest_s, seen.idle_s)
            watched_s = time.monotonic() - began
            if not seen.idle or oldest_s > IDLE_S or watched_s > IDLE_S + 1:
                return Idle(when, most, round(oldest_s, 2), round(watched_s, 2))
            await asyncio.sleep(_LOOK_S)

    async def _tls(self) -> Tls:
        offered, sessions, encrypted = await tls_of(self.watcher)
        return Tls(offered, sessions, encrypted, any(map(forbids_tls, self.service.env.values())))

    async def _cut(self) -> Cut:
        sessions = await cut_all(self.watcher)
        back_s, failing = await self._until_well() if self.lines else (-1.0, ())
        return Cut(sessions, back_s, failing)


def forbids_tls(text: str) -> bool:
    try:
        url = urlsplit(text)
    except ValueError:
        return False
    if not url.scheme.startswith("postgres"):
        return False
    asked = parse_qs(url.query)
    return asked.get("sslmode", asked.get("ssl", [""]))[0].lower() in ("disable", "allow", "false")


ROW = Row(
    "database",
    "Is the database reached safely, and within bounds?",
    DatabaseUse,
    observe,
    CHECKS,
)
