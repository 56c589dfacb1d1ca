"""A Locust master with workers and engines as real processes, of which some are killed while they send."""

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from load_fault_server import FaultServer, fault_server

from harness.load.client import MASTER_DRIVER, LoadDriver, spawn_child
from harness.load.messages import Done, Note, Ready
from harness.load.profile import Profile, Segment
from harness.load.rows_file import read_rows
from harness.model.request import RequestLine
from harness.model.rows import NO_CONN, Outcome, Rows, ledger
from harness.system.proc import command_of, descendants, is_same

pytestmark = pytest.mark.real

RATE_RPS = 200
DEADLINE_S = 30.0
LINE = RequestLine.from_dict({"method": "POST", "path": "/ok", "json": {"name": "{key}"}})


def below(pid: int, module: str) -> list[int]:
    """Pids of the driver's processes that run a module."""
    return [stat.pid for stat in descendants(pid) if f"harness.load.{module}" in command_of(stat.pid)]


@dataclass
class Scene:
    driver: LoadDriver
    server: FaultServer
    file: Path
    ready: Ready
    notes: list[Note] = field(default_factory=list)

    async def until_due(self, arrivals: int) -> None:
        async with asyncio.timeout(DEADLINE_S):
            async for total in self.driver.sums():
                if total.due >= arrivals:
                    return

    async def until_noted(self, what: str, count: int = 1) -> Note:
        async with asyncio.timeout(DEADLINE_S):
            while len(found := [note for note in self.notes if note.what == what]) < count:
                await asyncio.sleep(0.05)
        return found[-1]

    async def end(self) -> tuple[Done, Rows]:
        done = await self.driver.wait_done(DEADLINE_S)
        rows = read_rows(self.file)
        assert ledger(rows, self.ready.arrivals).balanced
        assert done.rows == len(rows) == self.ready.arrivals
        assert done.repeated == 0
        assert len(set(self.server.bodies)) == len(self.server.bodies), "nothing was sent twice"
        sent = {f'{{"name": "k-{k}"}}'.encode() for k in rows["k"][rows["sent"] >= 0].tolist()}
        assert sent <= set(self.server.bodies), "what counts as sent has arrived"
        return done, rows

    def missing(self) -> int:
        return sum(note.detail["missing"] for note in self.notes if note.what == "load-missing")


@asynccontextmanager
async def scene(folder: Path, workers: int, seconds: float, *options: str) -> AsyncIterator[Scene]:
    """A load that has begun."""
    argv = (*MASTER_DRIVER, "--workers", str(workers), *options)
    async with fault_server() as server, await LoadDriver.launch(spawn_child, argv) as driver:
        notes: list[Note] = []
        driver.on_note = notes.append
        profile = Profile("127.0.0.1", server.port, (Segment.steady(seconds, RATE_RPS),), (LINE,), timeout_s=2)
        ready = await driver.prepare(profile, folder / "rows")
        assert ready.workers == workers
        await driver.start(time.monotonic_ns() + 50_000_000)
        yield Scene(driver, server, folder / "rows", ready, notes)


def outcomes(rows: Rows) -> dict[Outcome, int]:
    return {code: count for code in Outcome if (count := int(np.count_nonzero(rows["code"] == code)))}


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
        async with scene(tmp_path, 2, 8) as load:
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
