"""A real deployment of the small app, made by the backend of a trial, for operations and faults of workers to act on.

Started once for many tests, and once more after a test that ended it.
"""

import asyncio
import contextlib
import socket
import sys
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from parts_rig import Bench, bench

from harness.backends.process import Order, ProcessDeployment
from harness.booting import until_up
from harness.deployment import Address
from harness.faults import spec_of
from harness.faults.fault import Actor, Link, Stage
from harness.faults.reloading import Hook
from harness.model.scenario import FaultUse
from harness.model.target import Scalar
from harness.model.trial import ServerSettings
from harness.parts.toxiproxy import Proxy, Toxiproxy
from harness.probes.http import Connection, get_request
from harness.probes.owners import Owned, answer_by_each_worker, ask_owner
from harness.servers import server_of
from harness.system.clock import Clock
from harness.system.process import clean_env
from harness.target import load_target

HERE = Path(__file__).resolve().parent
WORKERS = 2
UP_S = 30.0
FLAGS = ("-k", "uvicorn_worker.UvicornWorker", "--no-control-socket", "--graceful-timeout", "10", "--keep-alive", "60")


@dataclass
class Stand:
    """`deployment` is up, with all of its workers, whenever a test asks for it."""

    here: Bench
    run: Callable[[Coroutine[Any, Any, None]], None]
    made: ProcessDeployment | None = None
    max_requests: int = 0

    async def up(self) -> ProcessDeployment:
        if self.made is None or self.made.exit_code is not None:
            if self.made is not None:
                await self.made.kill()
            self.made = self._start()
        assert await self.answering(WORKERS), self.made.log_tail()
        assert self.made.is_ours()
        return self.made

    @property
    def deployment(self) -> ProcessDeployment:
        assert self.made is not None
        return self.made

    @property
    def hook(self) -> Hook:
        """In the environment of each of these servers: it does nothing until a fault tells it to."""
        return Hook(self.here.folder / "hook")

    def _start(self) -> ProcessDeployment:
        file = self.here.folder / "shakedown.toml"
        file.write_text(f'[target]\napp = "probe_app:app"\nworkers = {WORKERS}\n')
        target = load_target(file, {"target.python": sys.executable})
        address = Address("127.0.0.1", self.here.ports.take())
        order = Order(
            target=target,
            server=server_of(target.server),
            settings=ServerSettings(graceful_s=10.0, max_requests=self.max_requests),
            flags=(*FLAGS, "--max-requests", str(self.max_requests)),
            workers=WORKERS,
            address=address,
            ingress=address,
            env=self.hook.environment(clean_env(PYTHONPATH=str(HERE), PYTHONDONTWRITEBYTECODE="1"), "probe_app:app"),
            log=self.here.folder / "server.log",
        )
        return ProcessDeployment(order, Clock.start(), self.here.spawner)

    def actor(self, id: str, links: Stage | None = None, **parameters: Scalar) -> Actor:
        """With the links of another stage, or without any but the way in, of which only the path is asked."""
        proxies, between = (cast(Toxiproxy, None), {}) if links is None else (links.toxiproxy, links.links)
        between = {"ingress": Link("ingress", "ingress", cast(Proxy, None), "/health"), **between}
        stage = Stage(self.deployment, self.here.spawner, proxies, between, {}, boot=self.boot, hook=self.hook)
        use = FaultUse(id, parameters=parameters)
        return spec_of(use).build(use, stage)

    async def boot(self, ready: bool) -> str:
        """As the conductor does."""
        self.deployment.start_again()
        return await until_up(self.deployment, "/health", "/health" if ready else None, WORKERS, UP_S)

    async def answering(self, workers: int) -> bool:
        """Do so many workers answer, and are there no others?"""
        answered = await answer_by_each_worker(self.deployment, "/health", workers, UP_S)
        return len(answered) == workers and answered == set(self.deployment.workers())

    @contextlib.asynccontextmanager
    async def pinned(self) -> AsyncIterator[dict[int, Connection]]:
        """One connection to each worker, by pid; it has answered once."""
        kept: dict[int, Connection] = {}
        spare: list[Connection] = []
        try:
            async with asyncio.timeout(UP_S):
                while kept.keys() != set(self.deployment.workers()):
                    found = await ask_owner(self.deployment, "/health", Clock.start(), self.deployment.workers())
                    if isinstance(found, Owned):
                        if found.pid in kept:
                            spare.append(found.connection)  # open until then, so that the other one takes the next
                        kept.setdefault(found.pid, found.connection)
            for each in spare:
                each.close()
            yield kept
        finally:
            for each in (*kept.values(), *spare):
                each.close()

    async def begun(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A request that a worker has in hand: it has asked for the body, which is two bytes long."""
        address = self.deployment.address
        reader, writer = await asyncio.open_connection(address.host, address.port)
        writer.write(b"POST /items HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n")
        async with asyncio.timeout(UP_S):
            assert b" 100 " in await reader.readuntil(b"\r\n\r\n")
        return reader, writer

    async def ask(self, connection: Connection, timeout_s: float = UP_S) -> str:
        """How one request over that connection ends."""
        return (await connection.ask(get_request(self.deployment.address, "/health"), timeout_s)).outcome

    def is_refused(self) -> bool:
        """Does nobody listen any more?"""
        with socket.socket() as client:
            return client.connect_ex((self.deployment.address.host, self.deployment.address.port)) != 0


@contextmanager
def stand() -> Iterator[Stand]:
    with asyncio.Runner() as runner:
        stack = AsyncExitStack()
        made = Stand(runner.run(stack.enter_async_context(bench())), runner.run)
        try:
            yield made
        finally:
            if made.made is not None:
                runner.run(_end(made.made))
            runner.run(stack.aclose())


async def _end(deployment: ProcessDeployment) -> None:
    await deployment.kill()
    assert list(deployment.leftovers()) == []


async def lift_what_never_was(server: Stand, id: str) -> None:
    """The lift of a fault that was not applied, twice: it touches nothing."""
    deployment = await server.up()
    master, workers = deployment.master(), list(deployment.workers())
    actor = server.actor(id)
    for _ in range(2):
        assert dict(await actor.lift()) in ({}, {"asked": 0}), "it did nothing that it could tell of"
    assert (deployment.master(), list(deployment.workers())) == (master, workers)
    assert await server.answering(WORKERS)
