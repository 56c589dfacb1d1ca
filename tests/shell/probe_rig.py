"""A real server with the small app, as the deployment of a trial, and what probes emitted about it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeVar

from harness.deployment import Address, Stopped
from harness.ledger import Ledger
from harness.model.observation import Observation
from harness.model.scenario import Scenario
from harness.model.target import Limits, ProbeSpec, RequestLine, Slo
from harness.model.trial import ServerSettings, Trial
from harness.probes.owners import answer_by_each_worker
from harness.probes.watch import Probe, Watch
from harness.system.clock import Clock
from harness.system.ports import Ports
from harness.system.proc import command_of
from harness.system.process import Process, Spawner, clean_env

HERE = Path(__file__).resolve().parent
T = TypeVar("T")

POST = RequestLine(name="create", method="POST", path="/items", body='{"name": "{key}"}', expect=(201,), stores=True)
GET = RequestLine(name="slow", path="/slow?1", needs=("postgres",))

TRIAL = Trial(
    index=0,
    scenario=Scenario(name="probes", asks="What do the probes see?"),
    target="small",
    server="gunicorn-uvicorn",
    server_settings=ServerSettings(),
    workers=2,
    config={},
    seed=1,
    live="/health",
    ready="/ready",
    live_probe=ProbeSpec(period_s=0.2),
    ready_probe=ProbeSpec(period_s=0.2),
    ready_needs=(),
    part_kinds={},
    requests=(POST, GET),
    rate_rps=0,
    timeout_s=12,
    key_prefix="small",
    ledger=False,
    slo=Slo(),
    limits=Limits(stuck_s=1.0),
)


@dataclass
class Served:
    """A Deployment: the process group of one server."""

    address: Address
    process: Process | None
    log: Path
    settings: ServerSettings = field(default_factory=ServerSettings)

    @property
    def ingress(self) -> Address:
        return self.address

    def master(self) -> int:
        return self.process.pid if self.process and self.process.alive else -1

    def workers(self) -> list[int]:
        if self.process is None:
            return []
        mine = [stat for stat in self.process.children() if stat.parent == self.process.pid]
        mine = [stat for stat in mine if "resource_tracker" not in command_of(stat.pid)]
        return [stat.pid for stat in sorted(mine, key=lambda stat: (stat.start, stat.pid))]

    def signal(self, pid: int, number: int) -> None:
        assert pid in (self.master(), *self.workers())
        os.kill(pid, number)

    async def stop(self, grace_s: float) -> Stopped:
        assert self.process is not None
        return Stopped(await self.process.end(grace_s=grace_s), False, -1, -1)

    def leftovers(self) -> list[int]:
        return []


@dataclass
class Seen:
    """A watch whose observations stay in a list."""

    watch: Watch
    all: list[Observation]

    def of(self, kind: type[T]) -> list[T]:
        return [one for one in self.all if isinstance(one, kind)]

    async def until(self, holds: Callable[[], bool], within_s: float, what: str) -> None:
        end = time.monotonic() + within_s
        while not holds():
            assert time.monotonic() < end, f"not within {within_s:g} s: {what}"
            await asyncio.sleep(0.01)


def watch_of(served: Served, **changes: object) -> Seen:
    seen: list[Observation] = []
    trial = replace(TRIAL, **changes)  # type: ignore[arg-type]
    return Seen(Watch(Clock.start(), seen.append, served, trial), seen)


def watch_port(port: int, log: Path = Path("/nowhere"), **changes: object) -> Seen:
    """A watch of something that is no server of ours."""
    return watch_of(Served(Address("127.0.0.1", port), None, log), **changes)


@contextlib.asynccontextmanager
async def running(*probes: Probe) -> AsyncIterator[None]:
    """Probes at work; they must have neither ended nor raised when the test is over."""
    tasks = [asyncio.create_task(probe.run()) for probe in probes]
    try:
        yield
        for task in tasks:
            assert not task.done() or task.exception() is None
            assert not task.done(), "a probe ended by itself"
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def gunicorn(workers: int, *options: str) -> list[str]:
    kind = "uvicorn_worker.UvicornWorker"
    words = ["gunicorn", "probe_app:app", "-k", kind, "-w", str(workers), "--no-control-socket", *options]
    return ["-m", *words, "-b"]


@contextlib.contextmanager
def spawner_in(folder: Path) -> Iterator[Spawner]:
    os.environ["SHAKEDOWN_STATE"] = str(folder / "state")
    ledger = Ledger.create()
    try:
        yield Spawner(ledger)
    finally:
        ledger.close()
        del os.environ["SHAKEDOWN_STATE"]


@contextlib.asynccontextmanager
async def serve(folder: Path, workers: int, *options: str, server: str = "gunicorn") -> AsyncIterator[Served]:
    """The app under a real server, with every worker answering."""
    port, log = Ports().take(), folder / "server.log"
    if server == "gunicorn":
        words = [*gunicorn(workers, *options), f"127.0.0.1:{port}"]
    else:
        words = ["-m", "uvicorn", "probe_app:app", "--port", str(port), "--workers", str(workers), *options]
    with spawner_in(folder) as spawner:
        env = clean_env(PYTHONPATH=str(HERE), PYTHONDONTWRITEBYTECODE="1")
        process = spawner.spawn([sys.executable, *words], name="server", env=env, cwd=folder, log=log)
        served = Served(Address("127.0.0.1", port), process, log)
        try:
            answered = await answer_by_each_worker(served, "/health", workers, 60)
            assert len(answered) == workers, log.read_text()
            yield served
        finally:
            for pid in served.workers():
                os.kill(pid, 18)  # SIGCONT: a frozen worker hears no SIGTERM
            await process.end(grace_s=3)
