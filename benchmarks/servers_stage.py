"""A server of two workers with the small app, and twenty clients and a prober who write down what they get."""

from __future__ import annotations

import asyncio
import contextlib
import os
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

from harness.backends.process import Order, ProcessDeployment
from harness.booting import until_up
from harness.deployment import Address
from harness.ledger import Ledger
from harness.model.target import Scalar
from harness.probes.http import Answer, Connection, connect, get_once, get_request
from harness.resolve import resolve_settings
from harness.servers.server import Server
from harness.system.clock import Clock
from harness.system.ports import Ports
from harness.system.process import Spawner, clean_env
from harness.target import load_target

WORKERS = 2
CLIENTS = 20
HERE = Path(__file__).resolve().parent
_PATIENCE_S = 15.0
_PROBE_S = 0.05


@dataclass
class Stage:
    """A deployment, and what clients got from it. `began` is when watching began, on the monotonic clock."""

    deployment: ProcessDeployment
    clock: Clock
    version: str
    kept: list[Answer] = field(default_factory=list)
    fresh: list[Answer] = field(default_factory=list)

    @property
    def lost(self) -> int:
        """Requests on kept connections that got no answer, those aside that found nobody at all."""
        return sum(one.outcome not in ("answered", "refused") for one in self.kept)

    def told(self) -> str:
        counted = Counter(one.outcome for one in self.kept)
        return ", ".join(f"{n} {outcome}" for outcome, n in counted.most_common())

    def longest_gap_s(self) -> float:
        """The longest time in which no new connection got an answer."""
        moments = sorted(one.done_ns for one in self.fresh if one.good)
        return max((later - one for one, later in pairwise(moments)), default=0) / 1e9

    def hung(self) -> tuple[int, int]:
        """How many new connections waited in vain for longer than a second, of how many."""
        return sum(one.outcome == "timeout" for one in self.fresh), len(self.fresh)


@contextlib.asynccontextmanager
async def stage(server: Server, options: dict[str, Scalar], **env: str) -> AsyncIterator[Stage]:
    """The server, up; nothing of it is left afterwards."""
    with tempfile.TemporaryDirectory(prefix="shakedown-servers-") as name:
        folder = Path(name)
        os.environ["SHAKEDOWN_STATE"] = str(folder / "state")
        ledger = Ledger.create()
        try:
            (folder / "shakedown.toml").write_text(f'[target]\napp = "servers_app:app"\nserver = "{server.id}"\n')
            target = load_target(folder / "shakedown.toml", {})
            whole = clean_env(PYTHONPATH=str(HERE), PYTHONDONTWRITEBYTECODE="1", **env)
            found = await resolve_settings(target, server, options, workers=WORKERS, env=whole)
            address, clock = Address("127.0.0.1", Ports().take()), Clock.start()
            log = folder / "server.log"
            order = Order(target, server, found.settings, found.flags, WORKERS, address, address, whole, log)
            deployment = ProcessDeployment(order, clock, Spawner(ledger))
            try:
                yield Stage(deployment, clock, found.settings.version)
            finally:
                await deployment.kill()
        finally:
            ledger.close()
            del os.environ["SHAKEDOWN_STATE"]


async def up(here: Stage) -> None:
    if why := await until_up(here.deployment, "/", "/", WORKERS):
        raise SystemExit(f"{here.version}: {why}\n{here.deployment.log_tail()}")


@contextlib.asynccontextmanager
async def watched(here: Stage) -> AsyncIterator[None]:
    """Twenty clients on kept connections, 20 ms of thought between requests, and a new connection each 50 ms."""
    tasks = [asyncio.create_task(_client(here, number)) for number in range(CLIENTS)]
    tasks.append(asyncio.create_task(_prober(here)))
    await until(lambda: len(here.kept) >= 10 * CLIENTS and len(here.fresh) >= 10, 20)
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _client(here: Stage, number: int) -> None:
    address = here.deployment.address
    connection: Connection | Answer | None = None
    await asyncio.sleep(number * 0.01)
    while True:
        if not isinstance(connection, Connection) or not connection.open:
            connection = await connect(address, here.clock, _PATIENCE_S)
        if isinstance(connection, Answer):
            here.kept.append(connection)
            await asyncio.sleep(0.1)
            continue
        here.kept.append(await connection.ask(get_request(address, "/?0.005"), _PATIENCE_S))
        await asyncio.sleep(0.02)


async def _prober(here: Stage) -> None:
    async with asyncio.TaskGroup() as group:
        while True:
            group.create_task(_probe(here))
            await asyncio.sleep(_PROBE_S)


async def _probe(here: Stage) -> None:
    here.fresh.append(await get_once(here.deployment.address, "/", here.clock, 1.0))


async def until(holds: Callable[[], bool], within_s: float) -> float:
    """How long it took until it held; −1 when it did not."""
    began = time.monotonic()
    while not holds():
        if time.monotonic() - began > within_s:
            return -1.0
        await asyncio.sleep(0.01)
    return time.monotonic() - began
