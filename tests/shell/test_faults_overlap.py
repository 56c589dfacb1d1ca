"""Two faults on one link at a time: each is gone when it is lifted, and the other still bites."""

import asyncio

import asyncpg
import pytest
from fault_rig import Scene, median_ms, quickest_ms

from harness.faults.fault import Actor

pytestmark = pytest.mark.real

LATE_MS = 60
NARROW_MS = 200  # 40 kB at 200 kB a second


async def costs_ms(session: asyncpg.Connection) -> tuple[float, float]:
    """What a small answer takes, and how much more a large one."""
    small = await quickest_ms(lambda: session.fetchval("SELECT 1"), 3)
    return small, await quickest_ms(lambda: session.fetchval("SELECT repeat('x', 40000)"), 2) - small


async def come_to(faults: Scene, *, late: bool, narrow: bool) -> None:
    """Answers over a new connection of the app's are late or not, and large ones have little room or not.

    At the latest at the tenth try: nothing makes an answer quicker, but a busy machine makes one slow.
    """
    seen: list[tuple[float, float]] = []
    while not seen or (seen[-1][0] >= 0.9 * LATE_MS, seen[-1][1] >= 0.9 * NARROW_MS) != (late, narrow):
        assert len(seen) < 10, seen
        session = await faults.session()
        seen.append(await costs_ms(session))
        session.terminate()


async def lift_all(*actors: Actor) -> None:
    """At once, as faults do that end at one time."""
    await asyncio.gather(*(actor.lift() for actor in actors))


@pytest.mark.parametrize("first", ["latency", "bandwidth"])
def test_latency_and_bandwidth_are_lifted_each_alone(faults: Scene, first: str) -> None:
    async def see() -> None:
        late = faults.actor("db.latency", latency_ms=LATE_MS)
        narrow = faults.actor("db.bandwidth", rate_kb_per_s=200)
        try:
            await late.apply()
            await narrow.apply()
            await come_to(faults, late=True, narrow=True)
            await (late if first == "latency" else narrow).lift()
            await come_to(faults, late=first != "latency", narrow=first == "latency")
        finally:
            await lift_all(late, narrow)
        assert await faults.is_whole()

    faults.run(see())


def test_a_refused_link_stays_so_when_a_latency_in_it_is_lifted(faults: Scene) -> None:
    async def see() -> None:
        late, refused = faults.actor("db.latency", latency_ms=LATE_MS), faults.actor("db.refuse")
        await late.apply()
        await refused.apply()
        try:
            await late.lift()
            assert (await refused.prove()).ok
            with pytest.raises(ConnectionRefusedError):
                await faults.session()
        finally:
            await lift_all(refused, late)
        assert await faults.is_whole()

    faults.run(see())


def test_a_link_that_is_no_longer_refused_is_as_late_as_before(faults: Scene) -> None:
    async def see() -> None:
        late, refused = faults.actor("db.latency", latency_ms=LATE_MS), faults.actor("db.refuse")
        await late.apply()
        await refused.apply()
        try:
            await refused.lift()
            session = await faults.session()
            assert await median_ms(lambda: session.fetchval("SELECT 1"), 3) >= 0.9 * LATE_MS
            session.terminate()
        finally:
            await lift_all(late, refused)
        assert await faults.is_whole()

    faults.run(see())
