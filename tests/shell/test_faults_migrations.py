"""Two runs of a setup at once on a real PostgreSQL: they meet, and what they did is told as it is."""

import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from fault_rig import Scene

from harness.faults import spec_of
from harness.faults.fault import Evidence, Proof, Setup
from harness.model.scenario import FaultUse
from harness.parts.postgres import Database
from harness.system.process import clean_env

pytestmark = pytest.mark.real

SAFE, RACING = "safe", "racing"
SETUP = '''
"""Make a table and fill it, if it is not there; `safe`: under a lock."""
import asyncio, os, sys
import asyncpg

async def main():
    session = await asyncpg.connect(os.environ["DATABASE_URL"], timeout=20)
    async with session.transaction():
        if sys.argv[1] == "safe":
            await session.execute("SELECT pg_advisory_xact_lock(7)")
        if not await session.fetchval("SELECT to_regclass('plans') IS NOT NULL"):
            await session.execute("CREATE TABLE plans (name text)")
            await session.execute("INSERT INTO plans VALUES ('basic'), ('large')")
    await session.close()

asyncio.run(main())
'''

ALONE = '''
"""Two sessions of one run, which waits until the other run, whose pid is in a file, has gone."""
import asyncio, os, pathlib, sys, time
import asyncpg

async def main():
    other, end = pathlib.Path(sys.argv[1]), time.monotonic() + 20
    while not other.exists() or os.path.exists("/proc/" + other.read_text().strip()):
        assert time.monotonic() < end
        time.sleep(0.02)
    sessions = [await asyncpg.connect(os.environ["DATABASE_URL"], timeout=20) for _ in range(2)]
    await sessions[1].execute("CREATE TABLE plans (name text)")
    for session in sessions:
        await session.close()

asyncio.run(main())
'''


async def migrate(faults: Scene, folder: Path, command: str) -> tuple[Evidence, Proof]:
    """The fault from its application to its lift, with this setup."""

    def environment(databases: Mapping[str, Database]) -> Mapping[str, str]:
        return clean_env(DATABASE_URL=databases["db"].url)

    setup = Setup((command,), folder, folder, environment)
    use = FaultUse("server.migrate-twice")
    actor = spec_of(use).build(use, replace(faults.stage, setup=setup))
    await actor.lift()  # of what was never applied
    try:
        evidence = await actor.apply()
        proof = await actor.prove()
    finally:
        await actor.lift()
        await actor.lift()
    return evidence, proof


def script(folder: Path, how: str, text: str = SETUP) -> str:
    file = folder / "setup.py"
    file.write_text(text)
    return f"{sys.executable} {file} {how}"


async def databases(faults: Scene) -> set[str]:
    """Without those that are given up: in a cluster of ours they go when the next one comes."""
    swept = await faults.held.server.clone("swept")
    await faults.held.server.drop(swept)
    admin = await faults.held.server.admin("postgres")
    rows = await admin.fetch("SELECT datname FROM pg_database")
    await admin.close()
    return {row["datname"] for row in rows} - {swept.name}


def test_a_setup_under_a_lock_ends_well_twice_and_leaves_what_the_template_has_not(
    faults: Scene, tmp_path: Path
) -> None:
    async def see() -> None:
        before = await databases(faults)
        told, proof = await migrate(faults, tmp_path, script(tmp_path, SAFE))
        assert proof.ok, proof
        assert proof.evidence["waiting"], "the second waits for the lock of the first"
        assert (proof.evidence["sessions"], proof.evidence["processes"]) == (2, 2)
        assert (told["exit_1"], told["exit_2"], told["changes"]) == (0, 0, 1)
        # The template of these tests is empty: the comparison with it says what one run would have had to make.
        assert (told["missing"], told["extra"], told["first_difference"]) == (0, 2, "public.plans: column name text")
        assert await databases(faults) == before
        assert await faults.is_whole()

    faults.run(see())


def test_a_setup_without_a_lock_fails_once(faults: Scene, tmp_path: Path) -> None:
    async def see() -> None:
        before = await databases(faults)
        told, proof = await migrate(faults, tmp_path, script(tmp_path, RACING))
        assert proof.ok, proof
        assert sorted([told["exit_1"], told["exit_2"]]) == [0, 1]
        assert "plans" in "".join((tmp_path / f"setup-{number}.log").read_text() for number in (1, 2))
        assert await databases(faults) == before
        assert await faults.is_whole()

    faults.run(see())


def test_two_sessions_of_one_run_are_not_two_runs(faults: Scene, tmp_path: Path) -> None:
    async def see() -> None:
        run = script(tmp_path, "other", ALONE)
        told, proof = await migrate(
            faults, tmp_path, f"if mkdir first; then exec {run}; fi; echo $$ > written && mv written other"
        )
        assert (told["exit_1"], told["exit_2"], proof.evidence["sessions"]) == (0, 0, 2)
        assert (proof.ok, proof.evidence["processes"]) == (False, 1)

    faults.run(see())
