"""PostgreSQL, stopped or ended as a whole, comes back on the same data and port, and nothing is left of it."""

import asyncio
import contextlib
import os
import shutil
import socket
import tempfile
import time
from pathlib import Path

import asyncpg
import pytest
from fault_rig import Scene, applied, median_ms, quickest_ms

from harness.errors import MachineError
from harness.faults.app_session import becomes_true
from harness.healing import heal
from harness.ledger import Ledger, open_entries
from harness.model.target import PostgresPart
from harness.parts import postgres_outage
from harness.parts.postgres import Postgres, start_postgres
from harness.parts.postgres_cluster import Cluster
from harness.system.ports import Ports
from harness.system.proc import Stat, is_same
from harness.system.process import Process, Spawner, marked

pytestmark = pytest.mark.real

GONE = (asyncpg.ConnectionDoesNotExistError, asyncpg.InterfaceError, asyncpg.AdminShutdownError, ConnectionError)


def cluster_of(server: Postgres) -> Cluster:
    assert server.cluster is not None
    return server.cluster


def alive(stats: list[Stat]) -> list[int]:
    return [stat.pid for stat in stats if is_same(stat.pid, stat.start)]


@pytest.mark.parametrize("name", ["restart", "kill"])
def test_a_server_that_ended_is_back_with_what_it_had(faults: Scene, name: str) -> None:
    async def see() -> None:
        server, reserved = faults.held.server, faults.held.reserved
        old = postgres_outage.tree(cluster_of(server).process)
        session = await faults.session()
        await session.execute(f"CREATE TABLE after_{name} AS SELECT 7 AS n")
        async with applied(faults.actor(f"db.{name}")):
            assert alive(old) == []
            assert (server.alive, server.down) == (False, True)
            assert await becomes_true(session.is_closed, 20)
            with pytest.raises((*GONE, asyncpg.PostgresError)):
                await faults.session(timeout=1)
            with pytest.raises(MachineError):
                await reserved.sample()
        assert (server.alive, server.down) == (True, False)
        assert await reserved.keys(f"SELECT n FROM after_{name}") == ["7"]
        again = await faults.session()
        assert await again.fetchval(f"SELECT n FROM after_{name}") == 7
        await again.close()
        assert await faults.is_whole()

    faults.run(see())


def test_a_frozen_server_closes_nothing_and_goes_on(faults: Scene) -> None:
    async def see() -> None:
        session = await faults.session()
        async with applied(faults.actor("db.freeze")):
            asked = asyncio.ensure_future(session.fetchval("SELECT 7"))
            began = time.monotonic()
            with pytest.raises(MachineError):
                await faults.held.reserved.sample()
            assert time.monotonic() - began < 20
            assert not asked.done()
            await connect_many(faults.held.server, 400)
            assert faults.held.server.alive
        assert await asyncio.wait_for(asked, 20) == 7
        assert (await faults.held.reserved.sample()).sessions >= 1
        await session.close()
        assert await faults.is_whole()

    faults.run(see())


def test_a_slow_server_makes_work_take_longer_by_the_share_that_is_missing(faults: Scene) -> None:
    async def see() -> None:
        session = await faults.session()
        work = "SELECT count(*) FROM generate_series(1, 400000)"
        plain_ms = await quickest_ms(lambda: session.fetchval(work), 3)
        async with applied(faults.actor("db.slow", stopped_percent=75, period_ms=100)):
            assert await median_ms(lambda: session.fetchval(work), 3) > 2.5 * plain_ms
        assert not any(postgres_outage.is_stopped(each) for each in postgres_outage.tree(_process(faults)))
        await session.close()
        assert await faults.is_whole()

    faults.run(see())


def _process(faults: Scene) -> Process:
    return cluster_of(faults.held.server).process


async def connect_many(server: Postgres, count: int) -> None:
    """More than PostgreSQL's own queue holds; the proxy must not be stuck behind it."""
    where = (server.address.host, server.address.port)

    def connect() -> None:
        with contextlib.ExitStack() as open_ones:
            for _ in range(count):  # the kernel tries again after a second
                open_ones.enter_context(socket.create_connection(where, timeout=0.9))

    await asyncio.to_thread(connect)


@pytest.mark.parametrize("name", ["slow", "freeze", "restart", "kill"])
def test_a_server_that_runs_is_left_alone_by_a_lift(faults: Scene, name: str) -> None:
    async def see() -> None:
        pid = _process(faults).pid
        await faults.actor(f"db.{name}").lift()
        assert _process(faults).pid == pid
        assert await faults.is_whole()

    faults.run(see())


def test_healing_leaves_nothing_of_a_server_that_was_started_again_and_frozen(monkeypatch: pytest.MonkeyPatch) -> None:
    folder = Path(tempfile.mkdtemp(prefix="shakedown-test-"))
    monkeypatch.setenv("SHAKEDOWN_STATE", str(folder / "state"))
    ledger = Ledger.create()
    ledger.intend("folder", "parts", path=str(folder))

    async def leave() -> tuple[Process, list[Stat]]:
        server = await start_postgres(PostgresPart("db"), Spawner(ledger), Ports(), folder)
        cluster = cluster_of(server)
        await cluster.end("killed")
        await cluster.start_again()
        return cluster.process, await postgres_outage.freeze(cluster.process)

    try:
        process, frozen = asyncio.run(leave())
        assert len(frozen) > 3
        memory = _memory_of(folder / "db-cluster" / "data")
        assert memory in _memory()
        assert [entry.name for entry in open_entries(ledger.path) if entry.what == "process"] == ["db"]
        healed = heal(ledger.path)
        assert healed.left == ()
        assert not process.alive
        assert alive(frozen) == []
        assert marked(ledger.token) == []
        assert memory not in _memory(), "it was asked to end, not killed"
    finally:
        os.close(ledger.fileno())
        shutil.rmtree(folder, ignore_errors=True)


def _memory_of(data: Path) -> str:
    """The id of the shared memory segment, from the seventh line of the server's own file."""
    return (data / "postmaster.pid").read_text().splitlines()[6].split()[1]


def _memory() -> set[str]:
    return {line.split()[1] for line in Path("/proc/sysvipc/shm").read_text().splitlines()[1:]}
