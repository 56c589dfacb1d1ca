"""What does each server do when a worker dies, stands still or blocks, at a reload, at SIGTERM, without supervisor?

    .venv/bin/python -m benchmarks.servers [SERVER…] [--only EXPERIMENT…]

Two workers with a small app that takes a second to start, twenty clients on kept connections, and a new connection
each 50 ms. A grace of 6 s for the shutdown and 5 s for a silent worker, where the server has such settings. There is
no goal: docs/servers.md states what was seen, and the bounds of the known limits in harness/servers come from it.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Awaitable, Callable
from signal import SIGCONT, SIGHUP, SIGKILL, SIGSTOP, SIGTERM

from benchmarks.servers_stage import WORKERS, Stage, stage, until, up, watched
from harness.model.target import Scalar
from harness.probes.http import Answer, Connection, connect, get_request
from harness.probes.owners import ask_owner
from harness.servers import SERVERS
from harness.servers.server import Server

GRACE_S = 6
OPTIONS: dict[str, dict[str, Scalar]] = {
    "gunicorn": {"timeout": 5, "graceful_timeout": GRACE_S},
    "uvicorn": {"timeout_graceful_shutdown": GRACE_S},
    "granian": {"workers_kill_timeout": GRACE_S},
    "hypercorn": {"graceful_timeout": GRACE_S},
}
RELOAD_S = 25.0
SILENT_S = 9.0


async def worker_killed(here: Stage) -> str:
    """SIGKILL to one worker under load: is there another, and when does it answer?"""
    await up(here)
    async with watched(here):
        old = here.deployment.workers()
        here.deployment.signal(old[0], SIGKILL)
        noticed_s = await until(lambda: _ended(here) or bool(set(here.deployment.workers()) - set(old)), 3)
        if await until(lambda: _ended(here), 0.5) >= 0:
            return f"the server ended {noticed_s:.2f} s later, exit code {here.deployment.exit_code}; {here.told()}"
        answers_s = await _answers(here, set(old), 10)
        first_s = noticed_s + 0.5 + answers_s if answers_s >= 0 else -1.0
        return f"{_after(noticed_s, 'a new process')}, {_after(first_s, 'its first answer')}; {here.lost} lost"


async def reload(here: Stage) -> str:
    """SIGHUP to the supervisor under load, watched until 3 s after the last worker was replaced."""
    await up(here)
    async with watched(here):
        old = set(here.deployment.workers())
        here.deployment.signal(here.deployment.master(), SIGHUP)
        done_s = await until(lambda: _replaced(here, old) or here.deployment.exit_code is not None, RELOAD_S)
        await asyncio.sleep(3)
        gap_s = here.longest_gap_s()
    ended = f", and the server ended, exit code {here.deployment.exit_code}" if here.deployment.exit_code else ""
    fresh = sum(one.outcome != "answered" for one in here.fresh)
    return (
        f"{_after(done_s, 'all workers new')}{ended}; longest gap {gap_s:.2f} s; {here.lost} lost on kept connections"
        f" ({here.told()}), {fresh} of {len(here.fresh)} new ones without an answer in 1 s"
    )


async def blocked(here: Stage) -> str:
    """One request blocks the event loop of its worker for 9 s; the others are watched for as long."""
    await up(here)
    return await _silent(here, None)


async def frozen(here: Stage) -> str:
    """SIGSTOP to one worker for 9 s."""
    await up(here)
    return await _silent(here, here.deployment.workers()[0])


async def _silent(here: Stage, frozen: int | None) -> str:
    async with watched(here):
        old = here.deployment.workers()
        here.fresh.clear()
        blocking: asyncio.Task[Answer] | None = None
        if frozen is None:
            connection = await _connected(here)
            request = get_request(here.deployment.address, f"/block?{SILENT_S:g}")
            blocking = asyncio.create_task(connection.ask(request, SILENT_S + 5))
        else:
            here.deployment.signal(frozen, SIGSTOP)
        gone_s = await until(lambda: not set(old) <= set(here.deployment.workers()), SILENT_S - 1)
        hung, n = here.hung()
        if frozen is not None and frozen in here.deployment.workers():
            here.deployment.signal(frozen, SIGCONT)
        client = f"; its client: {(await blocking).outcome}" if blocking else ""
    replaced = f"replaced after {gone_s:.1f} s" if gone_s >= 0 else f"not replaced in {SILENT_S - 1:g} s"
    return f"{replaced}; {hung} of {n} new connections hung for 1 s meanwhile; {here.lost} lost{client}"


async def drained(here: Stage) -> str:
    """SIGTERM with requests of 1 s and of 3 s in flight."""
    return await _drain(here, idle=False)


async def drained_idle(here: Stage) -> str:
    """The same, with a connection beside them that never sends anything."""
    return await _drain(here, idle=True)


async def _drain(here: Stage, *, idle: bool) -> str:
    await up(here)
    unused = await _connected(here) if idle else None
    asked = []
    for seconds in (1, 3):
        connection = await _connected(here)
        request = get_request(here.deployment.address, f"/?{seconds}")
        asked.append(asyncio.create_task(connection.ask(request, 20)))
    await asyncio.sleep(0.5)  # so that a worker has them in hand
    stopped = await here.deployment.stop(GRACE_S + 10)
    answers = [await each for each in asked]
    if unused is not None:
        unused.close()
    said = ", ".join(f"{one.outcome} {one.status if one.status > 0 else ''}".strip() for one in answers)
    took_s = (stopped.done_ns - stopped.sent_ns) / 1e9
    return f"in flight: {said}; ended after {took_s:.1f} s, exit code {stopped.exit_code}, killed: {stopped.killed}"


async def orphaned(here: Stage) -> str:
    """SIGKILL to the supervisor: what is alive 5 s later, and does it still answer?"""
    await up(here)
    here.deployment.signal(here.deployment.master(), SIGKILL)
    gone_s = await until(lambda: not here.deployment.leftovers(), 5)
    left = len(here.deployment.leftovers())
    answer = await connect(here.deployment.address, here.clock, 1)
    answering = isinstance(answer, Connection)
    if isinstance(answer, Connection):
        answer.close()
    return f"{_after(gone_s, 'nothing is left')}; {left} processes left after 5 s, port open: {answering}"


async def refused(here: Stage) -> str:
    """A start whose lifespan fails, as with its database away."""
    ended_s = await until(lambda: here.deployment.exit_code is not None, 15)
    return f"{_after(ended_s, 'ended')}, exit code {here.deployment.exit_code}"


async def stuck(here: Stage) -> str:
    """SIGTERM while one worker is stopped."""
    await up(here)
    here.deployment.signal(here.deployment.workers()[0], SIGSTOP)
    here.deployment.signal(here.deployment.master(), SIGTERM)
    ended_s = await until(lambda: here.deployment.exit_code is not None, GRACE_S + 4)
    return f"{_after(ended_s, 'ended')}, exit code {here.deployment.exit_code}"


EXPERIMENTS: dict[str, Callable[[Stage], Awaitable[str]]] = {
    "worker-killed": worker_killed,
    "reload": reload,
    "blocked": blocked,
    "frozen": frozen,
    "drained": drained,
    "drained-idle": drained_idle,
    "orphaned": orphaned,
    "refused": refused,
    "stuck": stuck,
}


async def _connected(here: Stage) -> Connection:
    connection = await connect(here.deployment.address, here.clock, 5)
    if isinstance(connection, Answer):
        raise SystemExit(f"{here.version}: no connection: {connection.why}")
    return connection


async def _answers(here: Stage, old: set[int], within_s: float) -> float:
    """When a worker that is not one of the old ones first answers on a new connection."""
    began_ns = here.clock.now_ns()
    while (here.clock.now_ns() - began_ns) / 1e9 < within_s:
        new = set(here.deployment.workers()) - old
        found = await ask_owner(here.deployment, "/", here.clock, new)
        if not isinstance(found, Answer):
            found.connection.close()
            if found.pid > 0:
                return (here.clock.now_ns() - began_ns) / 1e9
        await asyncio.sleep(0.01)
    return -1.0


def _ended(here: Stage) -> bool:
    return here.deployment.exit_code is not None


def _replaced(here: Stage, old: set[int]) -> bool:
    now = set(here.deployment.workers())
    return len(now) == WORKERS and not now & old


def _after(seconds: float, what: str) -> str:
    return f"{what} after {seconds:.2f} s" if seconds >= 0 else f"{what}: not seen"


async def measure(server: Server, names: list[str]) -> None:
    for name in names:
        env = {"STARTUP_S": "0" if name in ("drained", "drained-idle", "stuck") else "1"}
        if name == "refused":
            env["REFUSES"] = "1"
        async with stage(server, OPTIONS[server.table], **env) as here:
            said = await EXPERIMENTS[name](here)
            print(f"{server.id:<17} {name:<14} {said}   [{here.version}]", flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    known = [server.id for server in SERVERS]
    parser.add_argument("servers", nargs="*", metavar="SERVER", help=", ".join(known))
    parser.add_argument("--only", nargs="+", choices=list(EXPERIMENTS), default=list(EXPERIMENTS))
    options = parser.parse_args()
    wanted = options.servers or known
    if unknown := sorted(set(wanted) - set(known)):
        parser.error(f"no server is called {', '.join(unknown)}; there are {', '.join(known)}")
    for server in SERVERS:
        if server.id in wanted:
            asyncio.run(measure(server, options.only))
    return 0


if __name__ == "__main__":
    sys.exit(main())
