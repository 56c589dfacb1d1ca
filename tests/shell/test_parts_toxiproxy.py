"""Toxiproxy as a part: what each call does to open and to new connections, and that nothing is taken on trust."""

import asyncio
import json
import os
import signal
import socket
import time
import urllib.request
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from parts_rig import Bench, Chosen, bench, taken_port, until

from harness.deployment import Address
from harness.parts.toxic import Toxic
from harness.parts.toxiproxy import Proxy, ProxyState, Toxiproxy, start_toxiproxy
from harness.parts.toxiproxy_calls import ProxyError, Wedged

pytestmark = pytest.mark.real

LATENCY = Toxic("slow", "latency", "downstream", {"latency": 100})
BLACKHOLE = Toxic("hole", "timeout", "downstream", {"timeout": 0})
CLEAN = ProxyState(True, ())


class Line:
    """A client that sends a byte and waits for its echo."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    @classmethod
    async def open(cls, proxy: Proxy) -> "Line":
        return cls(*await asyncio.open_connection(proxy.listen.host, proxy.listen.port))

    async def echo(self) -> float:
        """Seconds for one round trip; EOFError when the connection is closed."""
        began = time.perf_counter()
        self.writer.write(b"x")
        if not await self.reader.read(1):
            raise EOFError
        return time.perf_counter() - began

    async def quickest(self) -> float:
        """Of five: what else the machine does only ever adds to it."""
        return min([await self.echo() for _ in range(5)])

    async def is_cut(self, within_s: float = 20.0) -> bool:
        try:
            async with asyncio.timeout(within_s):
                return await self.reader.read(1) == b""
        except ConnectionResetError:
            return True

    async def close(self) -> None:
        self.writer.close()
        await asyncio.gather(self.writer.wait_closed(), return_exceptions=True)


async def _echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    except ConnectionError:
        pass
    finally:
        writer.close()


@asynccontextmanager
async def link() -> AsyncIterator[tuple[Bench, Toxiproxy, Proxy]]:
    async with bench() as b:
        echo = await asyncio.start_server(_echo, "127.0.0.1", b.ports.take())
        server = await start_toxiproxy(b.spawner, b.ports, b.folder, print)
        try:
            proxy = await server.create("echo", Address("127.0.0.1", echo.sockets[0].getsockname()[1]))
            yield b, server, proxy
        finally:
            await server.stop()
            echo.close()
            await echo.wait_closed()


def test_latency_holds_on_an_open_and_on_a_new_connection_and_goes_again() -> None:
    async def run() -> None:
        async with link() as (_, server, proxy):
            old = await Line.open(proxy)
            assert await old.quickest() < 0.05
            await server.add(proxy, LATENCY)
            assert await server.state(proxy) == ProxyState(
                True, (Toxic("slow", "latency", "downstream", LATENCY.complete()),)
            )
            new = await Line.open(proxy)
            for line in (old, new):
                assert 0.09 < await line.quickest() < 0.16
            await server.update(proxy, Toxic("slow", "latency", "downstream", {"latency": 200}))
            assert 0.19 < await old.quickest() < 0.30
            await server.remove(proxy, "slow")
            assert await server.state(proxy) == CLEAN
            for line in (old, new):
                assert await line.quickest() < 0.05
                await line.close()

    asyncio.run(run())


def test_disable_cuts_and_refuses_and_enable_keeps_the_port() -> None:
    async def run() -> None:
        async with link() as (_, server, proxy):
            old = await Line.open(proxy)
            await old.echo()
            await server.disable(proxy)
            assert await old.is_cut()
            with pytest.raises(ConnectionRefusedError):
                await Line.open(proxy)
            assert not (await server.state(proxy)).enabled
            await server.enable(proxy)
            new = await Line.open(proxy)
            await new.echo()
            await new.close()
            await old.close()

    asyncio.run(run())


def test_a_blackhole_passes_nothing_and_closes_when_it_is_lifted() -> None:
    async def run() -> None:
        async with link() as (_, server, proxy):
            old = await Line.open(proxy)
            await old.echo()
            await server.add(proxy, BLACKHOLE)
            new = await Line.open(proxy)
            for line in (old, new):
                with pytest.raises(TimeoutError):
                    async with asyncio.timeout(0.5):
                        await line.echo()
            await server.remove(proxy, "hole")
            for line in (old, new):
                assert await line.is_cut()
                await line.close()
            fresh = await Line.open(proxy)
            await fresh.echo()
            await fresh.close()

    asyncio.run(run())


def test_heal_lifts_whatever_is_on_and_may_be_repeated() -> None:
    async def run() -> None:
        async with link() as (_, server, proxy):
            await server.add(proxy, LATENCY)
            await server.add(proxy, BLACKHOLE)
            await server.disable(proxy)
            for _ in range(2):
                await server.heal(proxy)
                assert await server.state(proxy) == CLEAN
            line = await Line.open(proxy)
            await line.echo()
            await server.heal(proxy)  # nothing is on: the connection stays
            await line.echo()
            await line.close()
            await server.delete(proxy)
            with pytest.raises(ProxyError, match="proxy not found"):
                await server.state(proxy)

    asyncio.run(run())


@asynccontextmanager
async def deaf_client(b: Bench, server: Toxiproxy) -> AsyncIterator[Proxy]:
    """A proxy under latency, with 16 MB on the way to a client that has stopped reading."""

    async def pour(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            writer.write(b"x" * 16_000_000)
            await writer.drain()
            await reader.read()
        except ConnectionError:
            pass
        finally:
            writer.close()

    source = await asyncio.start_server(pour, "127.0.0.1", b.ports.take())
    proxy = await server.create("pour", Address("127.0.0.1", source.sockets[0].getsockname()[1]))
    await server.add(proxy, LATENCY)
    with socket.create_connection(("127.0.0.1", proxy.listen.port)) as deaf:
        deaf.setblocking(False)
        await until(lambda: _unread(deaf) > 60_000, 20, "bytes wait for the client")
        yield proxy
    source.close()
    await source.wait_closed()


def test_heal_returns_while_a_client_does_not_read() -> None:
    async def run() -> None:
        async with link() as (b, server, _), deaf_client(b, server) as proxy:
            await server.heal(proxy)
            assert await server.state(proxy) == CLEAN
            assert server.renewed == []  # a call that hung would have cost the server

    asyncio.run(run())


@asynccontextmanager
async def answers_in_pieces(b: Bench, server: Toxiproxy) -> AsyncIterator[Proxy]:
    """A proxy under latency, with answers in it of which each comes in several pieces, to clients that give up."""

    async def serve(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                writer.write(b"x" * 200)
                await writer.drain()
                await asyncio.sleep(0.03)
        except ConnectionError:
            pass
        finally:
            writer.close()

    source = await asyncio.start_server(serve, "127.0.0.1", b.ports.take())
    proxy = await server.create("pieces", Address("127.0.0.1", source.sockets[0].getsockname()[1]))
    await server.add(proxy, Toxic("slow", "latency", "downstream", {"latency": 500}))
    lines = [await Line.open(proxy) for _ in range(10)]
    for line in lines:
        await line.reader.readexactly(200)
    for line in lines[::2]:
        line.writer.transport.abort()
    yield proxy
    for line in lines:
        await line.close()
    source.close()
    await source.wait_closed()


def test_heal_returns_while_answers_wait_in_pieces() -> None:
    """Where the proxy was switched off first and the toxic removed then, Toxiproxy hung."""

    async def run() -> None:
        async with link() as (b, server, _), answers_in_pieces(b, server) as proxy:
            other = Toxic("thin", "bandwidth", "downstream", {"rate": 1000})
            await server.add(proxy, other)
            await server.lift(proxy, "slow")
            assert [toxic.name for toxic in await server.toxics(proxy)] == ["thin"]
            await server.heal(proxy)
            assert await server.state(proxy) == CLEAN
            assert server.renewed == []
            again = await Line.open(proxy)
            assert await again.reader.readexactly(200)
            await again.close()

    asyncio.run(run())


def test_a_server_that_a_deaf_client_has_wedged_is_replaced_with_its_proxies_on_their_ports() -> None:
    async def run() -> None:
        async with link() as (b, server, echo), deaf_client(b, server) as proxy:
            old, before = server.process, await Line.open(echo)
            await before.echo()
            began = time.monotonic()
            with pytest.raises(Wedged, match="started anew"):
                await server.remove(proxy, "slow")
            assert time.monotonic() - began < 20
            assert not old.alive
            assert server.alive
            assert server.process.pid != old.pid
            assert len(server.renewed) == 1
            assert await server.state(proxy) == await server.state(echo) == CLEAN
            assert await before.is_cut()
            fresh = await Line.open(echo)
            await fresh.echo()
            for line in (before, fresh):
                await line.close()
            await server.add(echo, LATENCY)  # it takes toxics as the first one did
            await server.heal(echo)
            await server.delete(proxy)
            assert len(server.renewed) == 1

    asyncio.run(run())


def _unread(client: socket.socket) -> int:
    try:
        return len(client.recv(1_000_000, socket.MSG_PEEK))
    except BlockingIOError:
        return 0


def test_what_the_server_refuses_or_changes_is_told() -> None:
    async def run() -> None:
        async with link() as (_, server, proxy):
            await server.add(proxy, LATENCY)
            with pytest.raises(ProxyError, match="toxic already exists"):
                await server.add(proxy, LATENCY)
            with pytest.raises(ProxyError, match="toxic not found"):
                await server.remove(proxy, "other")
            # Of a toxic that is on, Toxiproxy changes the attributes only, and says 200 to the rest.
            with pytest.raises(ProxyError, match="as it was asked"):
                await server.update(proxy, Toxic("slow", "latency", "upstream", {"latency": 100}))
            with pytest.raises(ProxyError, match="already exists"):
                await server.create("echo", proxy.upstream)
            with pytest.raises(ProxyError, match="proxy name"):
                await server.create("a/b", proxy.upstream)
            await asyncio.to_thread(_interfere, server, {"toxicity": 0.5})
            with pytest.raises(ProxyError, match="toxicity"):
                await server.state(proxy)

    asyncio.run(run())


def _interfere(server: Toxiproxy, body: dict[str, object]) -> None:
    url = f"{server.address.url}/proxies/echo/toxics/slow"
    request = urllib.request.Request(url, json.dumps(body).encode(), method="PATCH")
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=20) as response:
        assert response.status == 200


def test_ports_that_are_taken_are_passed_over() -> None:
    async def run() -> None:
        with taken_port() as one, taken_port() as other:
            async with bench() as b:
                ports = Chosen(one, 0, other)
                ports.first[1] = b.ports.take()
                server = await start_toxiproxy(b.spawner, ports, b.folder, print)
                assert server.address.port != one
                proxy = await server.create("p", Address("127.0.0.1", b.ports.take()))
                assert proxy.listen.port not in (one, other)
                await server.stop()

    asyncio.run(run())


def test_a_server_that_is_killed_is_noticed_at_once() -> None:
    async def run() -> None:
        async with link() as (_, server, proxy):
            server.process.signal(signal.SIGKILL)
            await until(lambda: not server.alive, 20, "the end is seen")
            began = time.monotonic()
            for call in (server.state(proxy), server.heal(proxy), server.add(proxy, LATENCY)):
                with pytest.raises(ProxyError, match="has ended"):
                    await call
            assert time.monotonic() - began < 2.5  # one call that waits for an answer takes as long

    asyncio.run(run())


def test_a_server_that_does_not_answer_is_wedged_and_heal_replaces_it() -> None:
    async def run() -> None:
        async with link() as (_, server, proxy):
            await server.add(proxy, LATENCY)
            server.process.signal(signal.SIGSTOP)
            began = time.monotonic()
            await server.heal(proxy)
            assert 2.5 < time.monotonic() - began < 20
            assert await server.state(proxy) == CLEAN
            assert "did not answer GET" in server.renewed[0]

    asyncio.run(run())


def test_a_server_that_takes_anothers_place_has_what_others_had_put_on() -> None:
    """A lift that hangs takes off its own all the same, and nothing of anybody else's."""

    async def run() -> None:
        async with link() as (_, server, proxy):
            await server.add(proxy, LATENCY)
            await server.add(proxy, BLACKHOLE)
            await server.disable(proxy, by="one")
            server.process.signal(signal.SIGSTOP)
            await server.lift(proxy, "hole")
            assert len(server.renewed) == 1
            left = await server.state(proxy)
            assert (left.enabled, [toxic.name for toxic in left.toxics]) == (False, ["slow"])
            await server.lift(proxy, by="one")
            assert (await server.state(proxy)).enabled
            line = await Line.open(proxy)
            began = time.monotonic()
            await line.echo()
            assert time.monotonic() - began >= 0.09
            await line.close()
            await server.lift(proxy, "slow")
            assert await server.state(proxy) == CLEAN

    asyncio.run(run())


@pytest.mark.parametrize("call", ["heal", "lift"])
def test_a_lift_that_was_cut_off_when_its_proxy_was_away_is_made_good_by_the_next(call: str) -> None:
    async def run() -> None:
        async with link() as (_, server, proxy):
            await server.add(proxy, LATENCY)
            await asyncio.to_thread(_delete, server)
            await (server.heal(proxy) if call == "heal" else server.lift(proxy, "slow"))
            assert await server.state(proxy) == CLEAN
            line = await Line.open(proxy)
            await line.echo()
            await line.close()

    asyncio.run(run())


def _delete(server: Toxiproxy) -> None:
    request = urllib.request.Request(f"{server.address.url}/proxies/echo", method="DELETE")
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=20) as response:
        assert response.status == 204


def test_a_proxy_is_off_as_long_as_somebody_holds_it_off() -> None:
    async def run() -> None:
        async with link() as (_, server, proxy):
            for by in ("one", "other"):
                await server.disable(proxy, by=by)
            await server.enable(proxy, by="one")
            await server.lift(proxy, by="nobody")
            assert not (await server.state(proxy)).enabled
            await server.lift(proxy, by="other")
            assert await server.state(proxy) == CLEAN
            await server.disable(proxy, by="one")
            await server.heal(proxy)
            assert await server.state(proxy) == CLEAN

    asyncio.run(run())


def test_two_servers_are_kept_apart_and_the_users_proxies_are_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")

    async def run() -> None:
        async with link() as (b, server, proxy):
            folder = b.folder / "second"
            os.mkdir(folder)
            second = await start_toxiproxy(b.spawner, b.ports, folder, print)
            with pytest.raises(ProxyError, match="not found"):
                await second.state(proxy)
            await second.stop()
            assert await server.state(proxy) == CLEAN

    asyncio.run(run())
