"""Who changes the schema: two replicas at once, the setup commands twice at once, and the way back.

Each on a database of its own, empty or a copy of what the setup has made, with PostgreSQL writing every change down.
"""

from __future__ import annotations

import asyncio
import re
import time
from contextlib import AsyncExitStack

import asyncpg

from harness.audit.bench import Bench, Ran
from harness.audit.checks.migrations import CHECKS
from harness.audit.facts.migrations import Boot, Command, Migrations, Twice, WayBack
from harness.audit.lines import declared_lines, send
from harness.audit.row import Row
from harness.audit.service import Service
from harness.model.target import PostgresPart
from harness.parts.postgres import Database
from harness.parts.postgres_changes import changes_of, watch_changes
from harness.parts.postgres_schema import Schema, differences, read_schema

VERSION_TABLE = "alembic_version"
_REPLICAS = 2
_UP_S = 20.0
_POLL_S = 0.1
_HOLD_S = 0.6  # each of a run's first changes: the other run comes to the same place meanwhile
_ROWS = 3
_MOST_TOLD = 10
_ALEMBIC_UP = re.compile(r"\bupgrade\s+heads?\b")
Databases = dict[str, Database]


async def observe(bench: Bench) -> Migrations:
    target = bench.target
    parts = target.names_of("postgres")
    staging = target.audit.declared.get("staging", "")
    if not parts:
        return Migrations(setup=target.setup, staging=staging)
    part = parts[0]
    if any(isinstance(each, PostgresPart) and each.use_existing for each in target.parts):
        why = "use_existing leaves us one database only, and these experiments need empty ones and copies"
        return Migrations(part, why, target.setup, staging=staging)
    try:
        empty = await _boot_on_empty(bench, part)
        set_up, way_back = await _boot_and_back(bench, part)
        twice = await _twice(bench, part) if target.setup else None
    except asyncpg.InsufficientPrivilegeError as error:
        why = f"an event trigger needs a superuser ({error})"
        return Migrations(part, why, target.setup, staging=staging)
    return Migrations(part, "", target.setup, (empty, set_up), twice, way_back, staging)


async def _boot_on_empty(bench: Bench, part: str) -> Boot:
    async with bench.databases("unset", empty=True) as databases:
        return await _boot_two(bench, part, databases, "empty")


async def _boot_two(bench: Bench, part: str, databases: Databases, label: str, rows: bool = False) -> Boot:
    """With one worker each: a replica more is a worker more."""
    async with bench.superuser(part, databases[part]) as admin:
        await watch_changes(admin)
        async with AsyncExitStack() as stack:
            name = f"replica-{label.replace(' ', '-')}"
            replicas = [
                await stack.enter_async_context(bench.boot(name, databases=databases, workers=1))
                for _ in range(_REPLICAS)
            ]
            up = sum(await asyncio.gather(*(_comes_up(replica) for replica in replicas)))
            changes = await changes_of(admin)
            if rows and up:
                await _make_rows(bench, replicas[0])
        return Boot(label, _REPLICAS, up, changes[:_MOST_TOLD])


async def _comes_up(replica: Service) -> bool:
    """Does it answer? Readiness is asked once, for what is done at the first use of the database."""
    end = time.monotonic() + _UP_S
    while time.monotonic() < end and replica.deployment.exit_code is None:
        answer = await replica.ask("GET", replica.target.live, timeout_s=1.0)
        if answer is not None and 200 <= answer.status_code < 400:
            await replica.ask("GET", replica.target.ready, timeout_s=3.0)
            return True
        await asyncio.sleep(_POLL_S)
    return False


async def _make_rows(bench: Bench, replica: Service) -> None:
    """Some rows, by the app itself, once it says that it is ready or the time is over."""
    await replica.until_up(10.0)
    for line in await declared_lines(bench):
        if line.method != "GET":
            for _ in range(_ROWS):
                await send(replica, line)


async def _boot_and_back(bench: Bench, part: str) -> tuple[Boot, WayBack | None]:
    """The way back goes over the rows that the replicas have made."""
    async with bench.databases("replicas") as databases:
        boot = await _boot_two(bench, part, databases, "set up", rows=True)
        down = way_back_of(bench)
        if not down:
            return boot, None
        async with bench.superuser(part, databases[part]) as admin:
            return boot, await _back(bench, admin, databases, down)


def way_back_of(bench: Bench) -> str:
    """Declared, or Alembic's own for the command that upgrades."""
    if bench.spec.migrate_down or not bench.target.setup:
        return bench.spec.migrate_down
    ups = [command for command in bench.target.setup if "alembic" in command and _ALEMBIC_UP.search(command)]
    return _ALEMBIC_UP.sub("downgrade base", ups[0]) if ups else ""


async def _back(bench: Bench, admin: asyncpg.Connection[asyncpg.Record], databases: Databases, down: str) -> WayBack:
    first = await read_schema(admin)
    rows = sum(count for table, count in first.rows.items() if not table.endswith(f".{VERSION_TABLE}"))
    env = bench.environment(databases)
    went_down = _told(await bench.run(down, env))
    if went_down.exit_code != 0:
        return WayBack(down, rows, went_down)
    left = tuple((await read_schema(admin)).without(VERSION_TABLE))
    went_up = _told(await _set_up(bench, env))
    missing, extra = differences(first, await read_schema(admin)) if went_up.exit_code == 0 else ((), ())
    return WayBack(down, rows, went_down, left[:_MOST_TOLD], went_up, missing[:_MOST_TOLD], extra[:_MOST_TOLD])


async def _twice(bench: Bench, part: str) -> Twice:
    once = await _schema_of_one_run(bench, part)
    async with bench.databases("twice", empty=True) as databases, bench.superuser(part, databases[part]) as admin:
        await watch_changes(admin, hold_s=_HOLD_S)
        env = bench.environment(databases)
        runs = await asyncio.gather(*(_set_up(bench, env) for _ in range(2)))
        both, changes = await read_schema(admin), await changes_of(admin)
    missing, extra = differences(once, both)
    return Twice(
        runs=tuple(_told(run) for run in runs),
        changes=len(changes),
        missing=missing[:_MOST_TOLD],
        extra=extra[:_MOST_TOLD],
        rows=_other_counts(once, both)[:_MOST_TOLD],
    )


async def _schema_of_one_run(bench: Bench, part: str) -> Schema:
    async with bench.databases("once") as databases, bench.superuser(part, databases[part]) as admin:
        return await read_schema(admin)


async def _set_up(bench: Bench, env: dict[str, str]) -> Ran:
    """One run of all setup commands, up to the first that fails."""
    began = time.monotonic()
    ran = Ran(0, "", 0.0)
    for command in bench.target.setup:
        ran = await bench.run(command, env)
        if ran.exit_code != 0:
            break
    return Ran(ran.exit_code, ran.output, time.monotonic() - began)


def _other_counts(once: Schema, both: Schema) -> tuple[str, ...]:
    return tuple(
        f"{table}: once {count}, twice {both.rows[table]}"
        for table, count in once.rows.items()
        if table in both.rows and both.rows[table] != count
    )


def _told(ran: Ran) -> Command:
    words = [line.strip() for line in ran.output.splitlines() if line.strip()]
    last = words[-1][:300] if words and ran.exit_code != 0 else ""
    return Command(ran.exit_code, round(ran.took_s, 2), last)


ROW = Row(
    "migrations",
    "Are migrations a step of their own, and is there a way back?",
    Migrations,
    observe,
    CHECKS,
)
