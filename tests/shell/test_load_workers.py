"""A Locust master with workers and engines as real processes, of which some are killed while they send."""

import asyncio
import os
import signal
from pathlib import Path

import pytest
from load_rig import DEADLINE_S, RATE_RPS, below, outcomes, scene

from harness.load.rows_file import read_rows
from harness.model.rows import NO_CONN, Outcome
from harness.system.proc import descendants, is_same

pytestmark = pytest.mark.real


def test_two_deaths_of_three_cost_what_they_took_along_and_no_more(tmp_path: Path) -> None:
    async def play() -> None:
        async with scene(tmp_path, 3, 7) as load:
            await load.until_due(RATE_RPS)
            os.kill(below(load.driver.pid, "cluster.worker")[0], signal.SIGKILL)
            first = await load.until_noted("load-worker-lost")
            await load.until_due(3 * RATE_RPS)
            engines = below(load.driver.pid, "engine")
            assert len(engines) == 2, "the engine of the killed worker has ended"
            os.kill(engines[0], signal.SIGKILL)
            second = await load.until_noted("load-worker-lost", 2)
            done, rows = await load.end()
            assert (done.reason, done.workers) == ("schedule", 3)
            assert "signal 9" in first.text
            assert "exit code -9" in second.text
            found = outcomes(rows)
            assert set(found) == {Outcome.OK, Outcome.LOST}
            assert found[Outcome.LOST] == load.missing() < 3 * RATE_RPS
            assert outcomes(rows[rows["intended"] >= rows["intended"].max() - 500_000_000]).keys() == {Outcome.OK}
            assert len({conn >> 26 for conn in rows["conn"].tolist() if conn != NO_CONN}) == 3

    asyncio.run(play())


def test_a_worker_that_is_cut_off_stops_by_itself_before_another_takes_over(tmp_path: Path) -> None:
    async def play() -> None:
        async with scene(tmp_path, 2, 9) as load:
            await load.until_due(RATE_RPS)
            stopped = below(load.driver.pid, "cluster.worker")[0]
            os.kill(stopped, signal.SIGSTOP)
            note = await load.until_noted("load-worker-lost")
            done, rows = await load.end()
            assert done.reason == "schedule"
            assert "nothing was heard of it" in note.text
            found = outcomes(rows)
            assert set(found) == {Outcome.OK, Outcome.LOST}
            assert found[Outcome.LOST] == load.missing() > RATE_RPS
            assert outcomes(rows[rows["intended"] >= rows["intended"].max() - 100_000_000]).keys() == {Outcome.OK}

    asyncio.run(play())


def test_nothing_goes_on_when_the_master_is_killed(tmp_path: Path) -> None:
    async def play() -> None:
        async with scene(tmp_path, 2, 60) as load:
            await load.until_due(RATE_RPS)
            processes = [stat for stat in descendants(load.driver.pid) if stat.alive]
            assert len(processes) == 4
            os.kill(load.driver.pid, signal.SIGKILL)
            async with asyncio.timeout(DEADLINE_S):
                while any(is_same(stat.pid, stat.start) for stat in processes):
                    await asyncio.sleep(0.05)
            rows = read_rows(load.file)
            assert outcomes(rows).keys() == {Outcome.OK}
            assert len(rows) > RATE_RPS / 2

    asyncio.run(play())
