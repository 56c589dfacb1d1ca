"""Real parts behind real proxies, and the stage on which faults of links and parts act. No server: nobody needs one.

Started once for all tests of faults. A test leaves every link and every part whole: that is what it tests.
"""

import asyncio
import statistics
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Any, cast

import asyncpg
from parts_rig import bench

from harness.deployment import Address, Deployment
from harness.faults import spec_of
from harness.faults.fault import Actor, Held, Link, Proof, Stage
from harness.model.request import RequestLine
from harness.model.scenario import FaultUse
from harness.model.target import HttpPart, PostgresPart, Scalar
from harness.parts.postgres import start_postgres
from harness.parts.stub import start_stub
from harness.parts.toxiproxy import ProxyState, start_toxiproxy


@dataclass(frozen=True)
class Door:
    """Of a deployment what clients need: an address, here that of the stub, which is an HTTP server like any other."""

    address: Address


@dataclass
class Scene:
    """`db` is a PostgreSQL, `rates` an HTTP dependency; both are names that a user could have given."""

    stage: Stage
    run: Callable[[Coroutine[Any, Any, None]], None]

    def actor(self, id: str, **parameters: Scalar) -> Actor:
        use = FaultUse(id, parameters=parameters)
        link = self.stage.links.get(use.what)
        return spec_of(use, None if link is None else link.kind).build(use, self.stage)

    def link(self, name: str) -> Link:
        return self.stage.links[name]

    @property
    def held(self) -> Held:
        return self.stage.postgres["db"]

    async def sessions(self) -> int:
        """How many the app has, as PostgreSQL counts them."""
        return (await self.held.reserved.sample()).sessions

    async def session(self, **options: Any) -> asyncpg.Connection:
        """The app's way in: its own role, through the proxy."""
        where, database = self.link("db").proxy.listen, self.held.database
        return await asyncpg.connect(
            host=where.host,
            port=where.port,
            user=database.user,
            password=database.password,
            database=database.name,
            ssl=False,
            **{"timeout": 20, **options},
        )

    async def is_whole(self) -> bool:
        """No toxic on any link, every proxy on, and both parts answer over new connections."""
        for link in self.stage.links.values():
            if await self.stage.toxiproxy.state(link.proxy) != ProxyState(True, ()):
                return False
        session = await self.session()
        answered = await session.fetchval("SELECT 1") == 1
        await session.close()
        return answered and (await get(self.link("rates")))[0] == 200


@contextmanager
def scene() -> Iterator[Scene]:
    with asyncio.Runner() as runner:
        stack = AsyncExitStack()
        stage = runner.run(stack.enter_async_context(_made()))
        try:
            yield Scene(stage, runner.run)
        finally:
            runner.run(stack.aclose())


@asynccontextmanager
async def _made() -> AsyncIterator[Stage]:
    async with bench() as here:
        toxiproxy = await start_toxiproxy(here.spawner, here.ports, here.folder, print)
        server = await start_postgres(PostgresPart("db"), here.spawner, here.ports, here.folder)
        stub = await start_stub(HttpPart("rates"), here.spawner, here.ports, here.folder)
        try:
            await server.make_template()
            database = await server.clone("faults")
            reserved = await server.reserve(database.name)
            links = {
                "db": Link("db", "postgres", await toxiproxy.create("db", server.address)),
                "rates": Link("rates", "http", await toxiproxy.create("rates", stub.address)),
            }
            held = {"db": Held(server, database, reserved)}
            door = cast(Deployment, Door(stub.address))
            lines = (
                RequestLine("read", path="/a"),
                RequestLine("write", "POST", "/b", (("Content-Type", "application/json"),), '{"name": "{key}"}'),
            )
            yield Stage(door, here.spawner, toxiproxy, links, {"rates": stub}, held, 7, lines, rate_rps=20)
            await reserved.close()
        finally:
            await stub.stop()
            await server.stop()
            await toxiproxy.stop()


async def get(link: Link, path: str = "/", timeout_s: float = 20.0) -> tuple[int, bytes]:
    """Status and body over a new connection through the proxy."""
    async with asyncio.timeout(timeout_s):
        reader, writer = await asyncio.open_connection(link.proxy.listen.host, link.proxy.listen.port)
        try:
            writer.write(f"GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n".encode())
            answer = await reader.read()
        finally:
            writer.close()
    head, _, body = answer.partition(b"\r\n\r\n")
    return int(head.split()[1]), body


Ask = Callable[[], Coroutine[Any, Any, object]]


async def all_ms(ask: Ask, times: int) -> list[float]:
    """What each of them takes."""
    took = []
    for _ in range(times):
        began = time.perf_counter()
        await ask()
        took.append((time.perf_counter() - began) * 1000)
    return took


async def median_ms(ask: Ask, times: int = 5) -> float:
    """What one of them takes, by the median of a few."""
    return statistics.median(await all_ms(ask, times))


async def quickest_ms(ask: Ask, times: int = 5) -> float:
    """What one takes that nothing else on the machine held up: others only ever add to it."""
    return min(await all_ms(ask, times))


async def comes_to_take(ask: Ask, wanted_ms: object, *, beyond_ms: float = 0.0, times: int = 5) -> None:
    """What it takes `beyond_ms` is as wanted, at the latest at the tenth try: a busy machine is no property of ours."""
    took: list[float] = []
    while not took or took[-1] != wanted_ms:
        took.append(await quickest_ms(ask, times) - beyond_ms)
        assert len(took) < 10 or took[-1] == wanted_ms, took


async def becomes(sees: Callable[[], Coroutine[Any, Any, object]], wanted: object, within_s: float = 20.0) -> None:
    """What is seen is as wanted in the end: a session that was closed is in PostgreSQL's table a moment longer."""
    end = time.monotonic() + within_s
    while (seen := await sees()) != wanted:
        assert time.monotonic() < end, seen
        await asyncio.sleep(0.02)


@asynccontextmanager
async def applied(actor: Actor) -> AsyncIterator[Proof]:
    """On, proved, and off again whatever happens."""
    await actor.apply()
    try:
        proof = await actor.prove()
        assert proof.ok, proof
        yield proof
    finally:
        await actor.lift()
        await actor.lift()  # it may come twice
