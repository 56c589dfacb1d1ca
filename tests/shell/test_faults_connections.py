"""Faults of connections bite as they say: which end how and when, and what becomes of those opened meanwhile."""

import asyncio
import socket
import time
from typing import Any, cast

import asyncpg
import pytest
from fault_rig import Scene, applied, becomes, get
from test_faults_link import CUT

from harness.faults.cut_after import CutAfter
from harness.faults.ends import deaf, ends_of, listener_of, lose_nothing
from harness.faults.flap import SPREAD, Flap, periods_s
from harness.faults.reset import Reset
from harness.faults.witness import Witness

pytestmark = pytest.mark.real


async def opened(faults: Scene, name: str) -> Witness:
    witness = await Witness.open(faults.link(name))
    assert witness is not None
    return witness


@pytest.mark.parametrize("name", ["db", "rates"])
def test_reset_gives_rst_to_connections_open_before_it_and_to_new_ones(faults: Scene, name: str) -> None:
    async def see() -> None:
        idle = await opened(faults, name)
        actor = faults.actor(f"{name}.reset")
        assert isinstance(actor, Reset)
        async with applied(actor):
            assert await idle.end(10.0) == "reset"
            assert await Witness.open(faults.link(name)) is None
        assert await faults.is_whole()
        await idle.close()

    faults.run(see())


def test_a_session_that_is_reset_is_lost_to_both_ends(faults: Scene) -> None:
    async def see() -> None:
        session = await faults.session()
        await becomes(faults.sessions, 1)
        actor = faults.actor("db.reset")
        assert (await actor.apply())["connections_reset"] == 2  # the session and the witness
        with pytest.raises(CUT):
            await asyncio.wait_for(session.fetchval("SELECT 1"), 20)
        await becomes(faults.sessions, 0)
        await actor.lift()
        assert await faults.is_whole()

    faults.run(see())


def test_cut_after_closes_at_its_time_under_traffic_and_again(faults: Scene) -> None:
    async def see() -> None:
        session = await faults.session()
        actor = faults.actor("db.cut-after", after_ms=400)
        assert isinstance(actor, CutAfter)
        async with applied(actor):
            lives_ms = (time.monotonic() - actor.began) * 1000
            assert lives_ms >= 400  # the proof has waited for the first cut
            with pytest.raises(CUT):
                await asyncio.wait_for(session.fetchval("SELECT 1"), 20)
            busy = await faults.session()
            with pytest.raises(CUT):
                await asyncio.wait_for(keep_busy(busy), 20)
        assert await faults.is_whole()

    faults.run(see())


async def keep_busy(session: asyncpg.Connection) -> None:
    while True:
        await session.fetchval("SELECT pg_sleep(0.05)")


def test_flap_is_down_and_up_by_turns_of_its_seed_and_ends_up(faults: Scene) -> None:
    async def see() -> None:
        actor = faults.actor("db.flap", down_ms=300, up_ms=400)
        assert isinstance(actor, Flap)
        session = await faults.session()
        async with applied(actor) as proof:
            assert proof.evidence == {"proxy": "off on", "canaries": "answered refused"}
            with pytest.raises(CUT):
                await session.fetchval("SELECT 1")
            assert actor.turns is not None
            end = time.monotonic() + 20
            while actor.turns.steps < 4:
                assert time.monotonic() < end
                await asyncio.sleep(0.02)
        assert await faults.is_whole()
        assert (await actor.lift())["times_down"] == (actor.turns.steps + 1) // 2

    faults.run(see())


def test_turns_are_those_of_the_seed_and_near_their_mean() -> None:
    one = periods_s(7, 1000, 2000, 200)
    assert one == periods_s(7, 1000, 2000, 200) != periods_s(8, 1000, 2000, 200)
    assert all(1 - SPREAD <= each <= 1 + SPREAD for each in one[::2])
    assert all(2 * (1 - SPREAD) <= each <= 2 * (1 + SPREAD) for each in one[1::2])


@pytest.mark.parametrize("name", ["db", "rates"])
def test_accept_then_hang_takes_new_connections_and_lets_open_ones_go_on(faults: Scene, name: str) -> None:
    async def see() -> None:
        session = await faults.session()
        async with applied(faults.actor(f"{name}.accept-then-hang")):
            assert await session.fetchval("SELECT 1") == 1
            where = faults.link(name).proxy.listen
            reader, writer = await asyncio.open_connection(where.host, where.port)
            writer.write(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n" if name == "rates" else bytes.fromhex("0000000804d2162f"))
            heard = asyncio.ensure_future(reader.read(1))
            done, _ = await asyncio.wait({heard}, timeout=0.3)
            assert not done
        assert await asyncio.wait_for(heard, 20) in (b"H", b"N", b"S")  # it was only late
        writer.close()
        await session.close()
        assert await faults.is_whole()

    faults.run(see())


def test_half_open_loses_everything_acknowledges_nothing_and_goes_on_after_the_lift(faults: Scene) -> None:
    async def see() -> None:
        session = await faults.session()
        async with applied(faults.actor("db.half-open")):
            asked = asyncio.ensure_future(session.fetchval("SELECT 1"))
            done, _ = await asyncio.wait({asked}, timeout=0.4)
            assert not done
            with pytest.raises(TimeoutError):
                await faults.session(timeout=0.4)
            assert (await get(faults.link("rates")))[0] == 200  # another link of the same proxy server
        assert await asyncio.wait_for(asked, 30) == 1  # the kernel sends it again, ever more seldom
        await session.close()
        assert await faults.is_whole()

    faults.run(see())


@pytest.mark.parametrize("name", ["half-open", "accept-then-hang", "cut-after"])
def test_what_hears_again_is_not_said_to_be_lost(faults: Scene, name: str) -> None:
    """Each of them without what it has set at the kernel, or done there: by then our own ends say nothing."""

    async def see() -> None:
        actor = faults.actor(f"db.{name}", **({"after_ms": 60_000} if name == "cut-after" else {}))
        toxiproxy, link = faults.stage.toxiproxy, faults.link("db")
        await actor.apply()
        try:
            if isinstance(actor, CutAfter):
                assert actor.witness is not None
                await actor.witness.close()
                actor.after_ms = 0
            ends = ends_of(toxiproxy, link).connections | listener_of(toxiproxy, link)
            assert (deaf(toxiproxy, ends) > 0) is (name != "cut-after")
            lose_nothing(toxiproxy, ends)
            assert deaf(toxiproxy, ends) == 0
            proof = await actor.prove()
            assert not proof.ok
            seen = {"listener_deaf": False} if name != "cut-after" else {"connections_closed": 0}
            assert seen.items() <= proof.evidence.items()
        finally:
            await actor.lift()
        assert await faults.is_whole()

    faults.run(see())


def test_half_open_is_noticed_by_the_kernel_where_blackhole_is_not(faults: Scene) -> None:
    """TCP_USER_TIMEOUT counts what is not acknowledged; behind a toxic everything is."""

    async def see(fault: str) -> float | None:
        session = await faults.session()
        _give_up_after(session, 600)
        async with applied(faults.actor(fault)):
            began = time.monotonic()
            asked = asyncio.ensure_future(session.fetchval("SELECT 1"))
            done, _ = await asyncio.wait({asked}, timeout=2.0)
            took_s = time.monotonic() - began if done else None
        await asyncio.wait({asked}, timeout=30)
        assert asked.done()
        assert asked.exception() is not None
        session.terminate()
        return took_s

    async def both() -> None:
        lost_s = await see("db.half-open")
        assert lost_s is not None
        assert 0.5 < lost_s < 2
        assert await see("db.blackhole") is None
        assert await faults.is_whole()

    faults.run(both())


def _give_up_after(session: asyncpg.Connection, user_timeout_ms: int) -> None:
    kernel = cast(Any, session)._transport.get_extra_info("socket")
    kernel.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, user_timeout_ms)
