"""What the faults of links stand on: what the real Toxiproxy does, what it does not, and what is done about that.

Where each promise has its test, or in which way it is not kept:

 1. a fault that is on before its proxy meets the first connection: here
 2. latency by a tenth, on open and on new connections, and not on connecting: here; test_faults_link.py
 3. refuse cuts what is open, turns away what is new, and keeps the port: test_parts_toxiproxy.py, test_faults_link.py
 4. a blackhole passes nothing, closes nothing, and closes at its lift: there too
 5. a cut by the clock and not by silence: not kept by Toxiproxy (here), but by `cut-after` (test_faults_connections.py)
 6. RST for what was open before: not kept by Toxiproxy (here), but by `reset` (test_faults_connections.py)
 7. heal returns while a client does not read 16 MB; a wedged server is replaced: test_parts_toxiproxy.py; and the trial
    in which that happened is inconclusive: test_proxy_lost.py
 8. heal may be repeated, and a port that somebody took keeps no other from being healed: test_parts_toxiproxy.py; here
 9. what Toxiproxy would swallow or die of is refused before it is sent: core/test_toxic.py
10. a part that answers no handshake holds up its own link alone: here. Its proxy connects without a limit: that is not
    kept, so heal replaces the server
11. open connections are counted while they are open, by sockets and by PostgreSQL: here. Bytes and chunks are not
12. the same seed takes the same turns: test_faults_connections.py. Nothing else is left to chance, for each toxic holds
    for every connection: shares are counts
13. nothing outlives a harness that is killed, and another process heals: test_parts_crash.py, test_ends.py
14. a server that was killed is noticed within a second (test_parts_toxiproxy.py), as an error and no failure of the app
    (core/test_checks_judge.py; of a whole run: test_proxy_lost.py)
"""

import asyncio
import socket
import time

import pytest
from fault_rig import Scene, becomes
from test_parts_toxiproxy import BLACKHOLE, CLEAN, LATENCY, Line, link

from harness.deployment import Address
from harness.faults.ends import cut, ends_of, listener_of
from harness.faults.fault import Link
from harness.parts.toxic import Toxic
from harness.parts.toxiproxy import Toxiproxy
from harness.parts.toxiproxy_calls import ProxyError
from harness.system import borrowed

pytestmark = pytest.mark.real


def test_a_fault_that_is_on_before_the_proxy_is_meets_the_very_first_connection() -> None:
    async def run() -> None:
        async with link() as (_, server, proxy):
            await server.disable(proxy)
            await server.add(proxy, LATENCY)
            await server.enable(proxy)
            first = await Line.open(proxy)
            assert 0.09 < await first.echo() < 1
            await first.close()

    asyncio.run(run())


def test_latency_shifts_round_trips_by_a_tenth_at_most_and_connecting_not_at_all() -> None:
    async def run() -> None:
        async with link() as (_, server, proxy):
            old = await Line.open(proxy)
            plain_s = await old.quickest()
            await server.add(proxy, LATENCY)
            lines, connecting_s = [old], []
            for _ in range(5):
                began = time.perf_counter()
                lines.append(await Line.open(proxy))
                connecting_s.append(time.perf_counter() - began)
            assert min(connecting_s) < 0.05
            for line in lines[:2]:
                tries = [await line.quickest() - plain_s]
                while tries[-1] != pytest.approx(0.1, rel=0.1):
                    assert len(tries) < 10, tries
                    tries.append(await line.quickest() - plain_s)
            for line in lines:
                await line.close()

    asyncio.run(run())


def test_its_timeout_counts_silence_so_traffic_puts_it_off() -> None:
    """Known difference: `cut-after` closes by a clock of ours (test_faults_connections.py)."""

    async def run() -> None:
        async with link() as (_, server, proxy):
            line = await Line.open(proxy)
            await line.echo()
            await server.add(proxy, Toxic("cut", "timeout", "upstream", {"timeout": 600}))
            began = time.monotonic()
            while time.monotonic() - began < 1.5:
                line.writer.write(b"x")
                assert not await _is_cut_within(line, 0.15)
            assert await line.is_cut()
            await line.close()

    asyncio.run(run())


async def _is_cut_within(line: Line, within_s: float) -> bool:
    try:
        return await line.is_cut(within_s)
    except TimeoutError:
        return False


def test_its_reset_closes_in_order_what_was_open_before_and_the_kernel_does_not() -> None:
    """Known difference: `reset` resets those connections itself."""

    async def run() -> None:
        async with link() as (_, server, proxy):
            touched, untouched = await Line.open(proxy), await Line.open(proxy)
            for line in (touched, untouched):
                await line.echo()
            await server.add(proxy, Toxic("reset", "reset_peer", "upstream", {"timeout": 0}))
            touched.writer.write(b"x")
            assert await touched.reader.read(1) == b""  # an orderly end
            assert cut(server, Link("echo", "http", proxy), "reset") == 1
            with pytest.raises(ConnectionResetError):
                await untouched.reader.read(1)
            new = await Line.open(proxy)
            with pytest.raises(ConnectionResetError):
                await new.echo()
            for line in (touched, untouched, new):
                await line.close()

    asyncio.run(run())


def test_heal_tells_of_a_port_that_somebody_took_and_heals_the_others() -> None:
    async def run() -> None:
        async with link() as (_, server, proxy):
            other = await server.create("other", proxy.upstream)
            for each in (proxy, other):
                await server.add(each, LATENCY)
                await server.add(each, BLACKHOLE)
            await server.disable(proxy)
            with socket.socket() as stranger:
                stranger.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                stranger.bind((proxy.listen.host, proxy.listen.port))
                stranger.listen()
                with pytest.raises(ProxyError, match="address already in use"):
                    await server.heal(proxy)
                assert await server.toxics(proxy) == ()
                await server.heal(other)
                assert await server.state(other) == CLEAN
            await server.heal(proxy)
            assert await server.state(proxy) == CLEAN

    asyncio.run(run())


def test_a_part_that_answers_no_handshake_holds_up_its_own_link_alone_and_is_healed() -> None:
    """Its proxy connects without a limit while it accepts, so even disabling it hangs; then the server is replaced."""

    async def run() -> None:
        async with link() as (b, server, proxy):
            with socket.create_server(("127.0.0.1", b.ports.take())) as lost:
                borrowed.drop(lost, borrowed.DROP_ALL)
                dead = await server.create("dead", Address("127.0.0.1", lost.getsockname()[1]))
                waiting = await Line.open(dead)
                waiting.writer.write(b"x")
                live = await Line.open(proxy)
                await live.echo()
                assert await server.state(dead) == CLEAN
                await server.add(proxy, LATENCY)
                assert 0.09 < await live.echo() < 1
                await server.add(dead, LATENCY)
                await server.heal(dead)
                assert len(server.renewed) == 1
                assert await server.state(dead) == CLEAN
                # Nobody has lifted that one: the new server has it too.
                assert [toxic.name for toxic in await server.toxics(proxy)] == [LATENCY.name]
                await server.heal(proxy)
                assert await server.state(proxy) == CLEAN
                for line in (waiting, live):
                    await line.close()

    asyncio.run(run())


def test_how_many_connections_are_open_is_known_while_they_are() -> None:
    """Toxiproxy's own counters move when a connection closes; the kernel knows at once."""

    async def run() -> None:
        async with link() as (_, server, proxy):
            here = Link("echo", "http", proxy)
            assert _counts(server, here) == (1, 0, 0)
            lines = [await Line.open(proxy) for _ in range(3)]
            for line in lines:
                await line.echo()
            assert _counts(server, here) == (1, 3, 3)
            for line in lines:
                await line.close()
            end = time.monotonic() + 20
            while _counts(server, here) != (1, 0, 0):
                assert time.monotonic() < end
                await asyncio.sleep(0.02)

    asyncio.run(run())


def test_how_many_sessions_a_link_carries_is_known_to_postgresql_while_they_are_open(faults: Scene) -> None:
    async def see() -> None:
        await becomes(faults.sessions, 0)
        sessions = [await faults.session() for _ in range(3)]
        assert await faults.sessions() == 3
        assert len(ends_of(faults.stage.toxiproxy, faults.link("db")).part) >= 3
        for session in sessions:
            await session.close()
        await becomes(faults.sessions, 0)

    faults.run(see())


def _counts(server: Toxiproxy, here: Link) -> tuple[int, int, int]:
    ends = ends_of(server, here)
    return len(listener_of(server, here)), len(ends.clients), len(ends.part)
