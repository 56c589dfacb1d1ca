"""A load on the product's driver, a Locust master with workers and engines, and the server that it meets."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from load_fault_server import FaultServer, fault_server

from harness.load.client import MASTER_DRIVER, LoadDriver, spawn_child
from harness.load.messages import Done, Note, Ready
from harness.load.profile import Profile, Segment
from harness.load.rows_file import read_rows
from harness.model.request import RequestLine
from harness.model.rows import Outcome, Rows, ledger
from harness.system.proc import command_of, descendants

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
        profile = Profile(
            "127.0.0.1", server.port, (Segment.steady(seconds, RATE_RPS),), (LINE,), timeout_s=20, late_s=30
        )
        ready = await driver.prepare(profile, folder / "rows")
        assert ready.workers == workers
        await driver.start(time.monotonic_ns() + 50_000_000)
        yield Scene(driver, server, folder / "rows", ready, notes)


def outcomes(rows: Rows) -> dict[Outcome, int]:
    return {code: count for code in Outcome if (count := int(np.count_nonzero(rows["code"] == code)))}
