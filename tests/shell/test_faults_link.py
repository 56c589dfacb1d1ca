"""Each fault of a link bites as much as it says, on open and on new connections, and leaves nothing behind."""

import asyncio
import dataclasses
import statistics

import asyncpg
import pytest
from fault_rig import Scene, applied, comes_to_take, get, median_ms, quickest_ms

from harness.faults import FAULTS, canary, spec_of
from harness.faults.fault import Link
from harness.model.scenario import FaultUse
from harness.model.target import Scalar

pytestmark = pytest.mark.real

LINK_FAULTS: dict[str, dict[str, Scalar]] = {
    "latency": {"latency_ms": 30},
    "blackhole": {},
    "refuse": {},
    "bandwidth": {"rate_kb_per_s": 200},
    "slice": {},
    "reset": {},
    "cut-after": {"after_ms": 100},
    "flap": {"down_ms": 200, "up_ms": 200},
    "accept-then-hang": {},
    "half-open": {},
}
"""Each of them, as quick as it can be had."""

CUT = (asyncpg.ConnectionDoesNotExistError, asyncpg.InterfaceError, ConnectionError)


def test_latency_adds_what_was_asked_to_open_and_to_new_connections(faults: Scene) -> None:
    async def see() -> None:
        session = await faults.session()
        plain_ms = await quickest_ms(lambda: session.fetchval("SELECT 1"))
        connect_ms = await quickest_ms(lambda: get(faults.link("rates")))
        wanted = pytest.approx(100, rel=0.1)
        async with applied(faults.actor("db.latency", latency_ms=100)):
            await comes_to_take(lambda: session.fetchval("SELECT 1"), wanted, beyond_ms=plain_ms)
        async with applied(faults.actor("rates.latency", latency_ms=100)):
            await comes_to_take(lambda: get(faults.link("rates")), wanted, beyond_ms=connect_ms)
        assert await faults.is_whole()
        session.terminate()

    faults.run(see())


def test_jitter_spreads_what_latency_adds(faults: Scene) -> None:
    async def see() -> None:
        session = await faults.session()
        await session.fetchval("SELECT 1")  # prepares it, which is a round trip more
        async with applied(faults.actor("db.latency", latency_ms=50, jitter_ms=50)):
            took = [await median_ms(lambda: session.fetchval("SELECT 1"), 1) for _ in range(12)]
            assert statistics.median(took) < 110
            assert max(took) - min(took) > 20
        assert await faults.is_whole()
        session.terminate()

    faults.run(see())


def test_a_blackhole_passes_nothing_closes_nothing_and_closes_at_its_lift(faults: Scene) -> None:
    async def see() -> None:
        session = await faults.session()
        async with applied(faults.actor("db.blackhole")):
            asked = asyncio.ensure_future(session.fetchval("SELECT 1"))
            done, _ = await asyncio.wait({asked}, timeout=0.5)
            assert not done
            with pytest.raises(TimeoutError):
                await faults.session(timeout=0.5)
        with pytest.raises(CUT):
            await asyncio.wait_for(asked, 20)
        assert await faults.is_whole()

    faults.run(see())


def test_refuse_cuts_open_connections_and_turns_new_ones_away(faults: Scene) -> None:
    async def see() -> None:
        session = await faults.session()
        async with applied(faults.actor("db.refuse")):
            with pytest.raises(CUT):
                await asyncio.wait_for(session.fetchval("SELECT 1"), 20)
            with pytest.raises(ConnectionRefusedError):
                await faults.session()
        assert await faults.is_whole()

    faults.run(see())


def test_bandwidth_lets_each_connection_carry_its_rate(faults: Scene) -> None:
    async def see() -> None:
        session = await faults.session()
        async with applied(faults.actor("db.bandwidth", rate_kb_per_s=200)):
            await comes_to_take(lambda: large(session, 60_000), pytest.approx(300, rel=0.2), times=3)
            one, other = await asyncio.gather(faults.session(), faults.session())
            await comes_to_take(lambda: large_question(session, 60_000), pytest.approx(300, rel=0.2), times=3)
            # It is the connection that is narrow, not the link.
            await comes_to_take(lambda: both(one, other, 60_000), pytest.approx(300, rel=0.3), times=1)
        assert await faults.is_whole()
        for each in (session, one, other):
            each.terminate()

    faults.run(see())


def test_slice_hands_over_in_pieces_and_loses_nothing(faults: Scene) -> None:
    async def see() -> None:
        session = await faults.session()
        plain_ms = await quickest_ms(lambda: large(session, 10_000))
        plain_question_ms = await quickest_ms(lambda: large_question(session, 10_000))
        async with applied(faults.actor("db.slice", size_bytes=100, delay_us=1000)):
            assert await quickest_ms(lambda: large(session, 10_000), 3) - plain_ms >= 100
            assert await quickest_ms(lambda: large_question(session, 10_000), 3) - plain_question_ms >= 100
            reader, writer = await asyncio.open_connection(*address(faults))
            writer.write(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            assert len(await reader.read(65_536)) <= 100
            writer.close()
        assert await faults.is_whole()
        session.terminate()

    faults.run(see())


async def large(session: asyncpg.Connection, size: int) -> None:
    assert len(await session.fetchval("SELECT repeat('x', $1::int)", size)) == size


async def large_question(session: asyncpg.Connection, size: int) -> None:
    assert await session.fetchval("SELECT length($1::text)", "x" * size) == size


async def both(one: asyncpg.Connection, other: asyncpg.Connection, size: int) -> None:
    await asyncio.gather(large(one, size), large(other, size))


def address(faults: Scene) -> tuple[str, int]:
    where = faults.link("rates").proxy.listen
    return where.host, where.port


def test_refuse_counts_who_tried_to_connect_meanwhile_and_not_who_was_cut(faults: Scene) -> None:
    async def see() -> None:
        session = await faults.session()
        actor = faults.actor("db.refuse")
        assert await actor.lift() == {}  # nothing was counted yet
        await actor.apply()
        try:
            assert (await actor.prove()).ok
            for _ in range(30):
                with pytest.raises(ConnectionRefusedError):
                    await asyncio.open_connection("127.0.0.1", faults.link("db").proxy.listen.port)
        finally:
            told = await actor.lift()
        assert told == {"attempts": 30}
        session.terminate()
        assert await faults.is_whole()

    faults.run(see())


def test_every_fault_of_a_link_is_tried() -> None:
    assert LINK_FAULTS.keys() == {spec.name for spec in FAULTS if spec.on == "link"}


@pytest.mark.parametrize("name", LINK_FAULTS)
def test_a_fault_of_a_link_that_was_never_applied_can_be_lifted(faults: Scene, name: str) -> None:
    async def see() -> None:
        session = await faults.session()
        actor = faults.actor(f"db.{name}", **LINK_FAULTS[name])
        await actor.lift()
        await actor.lift()
        assert await faults.is_whole()
        session.terminate()

    faults.run(see())


@pytest.mark.parametrize("name", LINK_FAULTS)
def test_a_fault_bites_on_the_way_in_and_asks_for_liveness_alone(faults: Scene, name: str) -> None:
    """The stub stands for a service: what our canaries ask there must be cheap, and nothing else is known to be."""

    async def see() -> None:
        stub = faults.stage.stubs["rates"]
        way_in = Link("ingress", "ingress", faults.link("rates").proxy, "/live")
        stage = dataclasses.replace(faults.stage, links={**faults.stage.links, "ingress": way_in})
        use = FaultUse(f"ingress.{name}", parameters=LINK_FAULTS[name])
        before = (await stub.counts()).by_path
        async with applied(spec_of(use).build(use, stage)):
            pass
        assert (await canary.send(way_in)).outcome == "answered"
        asked = {path: count - before.get(path, 0) for path, count in (await stub.counts()).by_path.items()}
        assert asked.pop("/live") >= (1 if name in ("blackhole", "refuse") else 2)
        assert not any(asked.values())
        assert await faults.is_whole()

    faults.run(see())
