"""A full disk under the tables of a database: each write that needs room fails, all else goes on, and it has an end."""

import os
import shutil
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import asyncpg
import pytest
from fault_rig import Scene, applied

from harness.faults import spec_of, unable
from harness.faults.app_session import log_in
from harness.faults.fault import Held
from harness.healing import heal
from harness.ledger import Ledger, open_entries
from harness.model.scenario import FaultUse
from harness.parts.postgres_disk import SmallDisk, clone_on_small_disk
from harness.system.mounts import mount_tmpfs, unmount, why_not_mount

pytestmark = pytest.mark.real

FULL_DISK = FaultUse("db.full-disk")
GROW = "INSERT INTO notes SELECT repeat(md5(n::text), 60) FROM generate_series(1, 200) n"


@asynccontextmanager
async def small(faults: Scene) -> AsyncIterator[tuple[Held, SmallDisk]]:
    """A database on a small disk, and nothing of it afterwards."""
    held = faults.held
    assert held.server.cluster is not None
    folder = held.server.cluster.data.parent.parent
    database, disk = await clone_on_small_disk(held.server, "small", folder, faults.stage.spawner.ledger)
    try:
        yield replace(held, database=database, disk=disk), disk
    finally:
        await held.server.drop(database)
        await held.server.drop_tablespace(disk.tablespace)
        disk.remove()
        assert not disk.path.exists()


def test_what_needs_room_fails_until_the_lift_and_nothing_that_was_stored_is_lost(faults: Scene) -> None:
    if why := why_not_mount():
        assert "small disk" in why
        return

    async def see() -> None:
        async with small(faults) as (held, disk):
            session = await log_in(held)
            await session.execute("CREATE TABLE notes (text text)")
            await session.execute(GROW)
            actor = spec_of(FULL_DISK, "postgres").build(FULL_DISK, replace(faults.stage, postgres={"db": held}))
            assert await actor.lift() == {}
            async with applied(actor):
                assert disk.left_bytes == 0
                with pytest.raises(asyncpg.DiskFullError):
                    await session.execute(GROW)
                with pytest.raises(asyncpg.DiskFullError):
                    await session.execute("CREATE TABLE more AS SELECT * FROM notes")
                assert await session.fetchval("SELECT count(*) FROM notes") == 200
                assert await faults.is_whole(), "the disk of the others is another"
            assert disk.left_bytes > 1_000_000
            await session.execute(GROW)
            assert await session.fetchval("SELECT count(*) FROM notes") == 400
            await session.close()

    faults.run(see())


def test_where_no_disk_can_be_mounted_the_plan_knows_why(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert "only root" in unable([FULL_DISK])["postgres.full-disk"]


def test_healing_unmounts_a_disk_that_a_run_left(monkeypatch: pytest.MonkeyPatch) -> None:
    if why_not_mount():
        return
    folder = Path(tempfile.mkdtemp(prefix="shakedown-test-"))
    monkeypatch.setenv("SHAKEDOWN_STATE", str(folder / "state"))
    disk, ledger = folder / "db-disk", Ledger.create()
    ledger.intend("folder", "parts", path=str(folder))
    ledger.intend("mount", "db", path=str(disk))
    disk.mkdir()
    mount_tmpfs(disk, 65_536, uid=0, gid=0)
    try:
        (disk / "filler").write_bytes(b"1")
        os.close(ledger.fileno())
        healed = heal(ledger.path)
        assert healed.left == ()
        assert str(disk) not in Path("/proc/self/mounts").read_text()
        assert not folder.exists()
        assert open_entries(ledger.path) == []
    finally:
        unmount(disk)
        shutil.rmtree(folder, ignore_errors=True)
