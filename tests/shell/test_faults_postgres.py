"""Each fault of PostgreSQL bites on the app's sessions, open and new ones, and leaves nothing behind."""

import asyncio

import asyncpg
import pytest
from fault_rig import Scene, applied, becomes

from harness.errors import UsageError
from harness.faults.app_session import becomes_true

pytestmark = pytest.mark.real


async def make_table(faults: Scene) -> None:
    """A table that is written and one that is not."""
    session = await faults.session()
    await session.execute("CREATE TABLE IF NOT EXISTS quiet (n int); CREATE TABLE IF NOT EXISTS busy (n int)")
    await session.execute("INSERT INTO busy SELECT generate_series(1, 100)")
    await session.close()


def test_terminate_ends_sessions_and_lets_new_ones_in(faults: Scene) -> None:
    async def see() -> None:
        session = await faults.session()
        async with applied(faults.actor("db.terminate")):
            assert await becomes_true(session.is_closed, 20)
            assert await faults.is_whole()

    faults.run(see())


def test_terminate_goes_on_where_it_is_asked_to(faults: Scene) -> None:
    async def see() -> None:
        first = await faults.session()
        async with applied(faults.actor("db.terminate", every_ms=50)):
            later = await faults.session()
            assert await becomes_true(later.is_closed, 20)
        assert first.is_closed()
        assert await faults.is_whole()

    faults.run(see())


def test_terminate_proves_nothing_where_the_app_has_no_session(faults: Scene) -> None:
    async def see() -> None:
        actor = faults.actor("db.terminate")
        await actor.apply()
        assert not (await actor.prove()).ok
        await actor.lift()

    faults.run(see())


def test_lock_stops_the_table_that_is_written_most_and_nothing_else(faults: Scene) -> None:
    async def see() -> None:
        await make_table(faults)
        session = await faults.session()
        end = asyncio.get_running_loop().time() + 20
        written = "SELECT n_tup_ins FROM pg_stat_user_tables WHERE relname = 'busy'"
        while not await session.fetchval(written):  # the server counts with a delay
            assert asyncio.get_running_loop().time() < end
        actor = faults.actor("db.lock")
        async with applied(actor):
            waiting = asyncio.ensure_future(session.fetchval("SELECT count(*) FROM busy"))
            done, _ = await asyncio.wait({waiting}, timeout=0.3)
            assert not done
            other = await faults.session()
            assert await other.fetchval("SELECT count(*) FROM quiet") == 0
            await other.close()
        assert await asyncio.wait_for(waiting, 20) >= 100
        async with applied(faults.actor("db.lock", table="quiet")):
            assert await session.fetchval("SELECT count(*) FROM busy") >= 100
        await session.close()
        assert await faults.is_whole()

    faults.run(see())


def test_a_table_that_is_not_there_is_the_users(faults: Scene) -> None:
    async def see() -> None:
        actor = faults.actor("db.lock", table="nowhere")
        with pytest.raises(UsageError, match=r"db\.lock.*'nowhere'"):
            await actor.apply()
        await actor.lift()
        assert await faults.is_whole()

    faults.run(see())


def test_exhaust_leaves_the_app_what_it_has_and_nothing_more(faults: Scene) -> None:
    async def see() -> None:
        session, spare = await faults.session(), await faults.session()
        async with applied(faults.actor("db.exhaust")):
            assert await session.fetchval("SELECT 1") == 1
            with pytest.raises(asyncpg.TooManyConnectionsError):
                await faults.session()
            await becomes(faults.sessions, 2)  # ours are not taken for the app's
            await spare.close()
            await until_turned_away(faults)
        await session.close()
        assert await faults.is_whole()

    faults.run(see())


def test_exhaust_opens_no_more_than_it_may_and_is_not_proven_where_that_leaves_room(faults: Scene) -> None:
    async def see() -> None:
        actor = faults.actor("db.exhaust", most=3)
        assert (await actor.apply())["sessions"] == 3
        try:
            proof = await actor.prove()
            assert (proof.ok, proof.evidence["sessions"]) == (False, 3)
            await (await faults.session()).close()
        finally:
            assert (await actor.lift())["sessions"] == 3
        assert await faults.is_whole()

    faults.run(see())


async def until_turned_away(faults: Scene) -> None:
    end = asyncio.get_running_loop().time() + 20
    while True:
        try:
            await (await faults.session()).close()
        except asyncpg.TooManyConnectionsError:
            return
        assert asyncio.get_running_loop().time() < end
        await asyncio.sleep(0.05)


def test_read_only_cuts_open_sessions_and_lets_new_ones_read(faults: Scene) -> None:
    async def see() -> None:
        await make_table(faults)
        before = await faults.session()
        never = await faults.actor("db.read-only").prove()
        assert not never.ok
        assert never.evidence["catalogue"] == "nothing of default_transaction_read_only"
        async with applied(faults.actor("db.read-only")) as proof:
            assert proof.evidence["catalogue"] == "default_transaction_read_only=on"
            assert await becomes_true(before.is_closed, 20)
            during = await faults.session()
            assert await during.fetchval("SELECT count(*) FROM busy") >= 100
            with pytest.raises(asyncpg.ReadOnlySQLTransactionError):
                await during.execute("INSERT INTO busy VALUES (0)")
        assert await becomes_true(during.is_closed, 20)
        after = await faults.session()
        await after.execute("INSERT INTO busy VALUES (0)")
        await after.close()
        assert await faults.is_whole()

    faults.run(see())


@pytest.mark.parametrize("name", ["terminate", "lock", "exhaust", "read-only"])
def test_a_fault_that_was_never_applied_can_be_lifted(faults: Scene, name: str) -> None:
    async def see() -> None:
        await faults.actor(f"db.{name}").lift()
        assert await faults.is_whole()

    faults.run(see())
