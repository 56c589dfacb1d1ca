"""What watching costs: CPU of the harness while it observes 8 workers, as a share of one core.

    python benchmarks/observe_cost.py [SECONDS]

All probes run as in a trial (fresh and pinned ones, processes, machine, paths, log), with liveness over the pinned
connections at 2 Hz and at 20 Hz in turn, five times. Goals: a median of at most 3 % and at most 10 %.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from harness.deployment import Address, Stopped
from harness.model.observation import Observation, ProbeAnswered
from harness.model.scenario import Scenario
from harness.model.target import Limits, ProbeSpec, Slo
from harness.model.trial import ServerSettings, Trial
from harness.probes import PROBES, LogProbe, MachineProbe, PathSpec, PathsProbe, PinnedProbes, Watch
from harness.probes.owners import answer_by_each_worker
from harness.system.clock import Clock
from harness.system.ports import Ports
from harness.system.proc import descendants

WORKERS = 8
ROUNDS = 5
GOALS = {2.0: 0.03, 20.0: 0.10}
APP = """
async def app(scope, receive, send):
    if scope["type"] == "http":
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
        await send({"type": "http.response.body", "body": b"{}"})
"""
TRIAL = Trial(
    index=0,
    scenario=Scenario(name="observe", asks="What does watching cost?"),
    target="trivial",
    server="gunicorn-uvicorn",
    server_settings=ServerSettings(),
    workers=WORKERS,
    config={},
    seed=1,
    live="/health",
    ready="/ready",
    live_probe=ProbeSpec(),
    ready_probe=ProbeSpec(),
    ready_needs=(),
    part_kinds={},
    requests=(),
    rate_rps=0,
    timeout_s=12,
    key_prefix="observe",
    ledger=False,
    slo=Slo(),
    limits=Limits(),
)


@dataclass
class Served:
    """Gunicorn with the trivial app, as a Deployment."""

    address: Address
    process: subprocess.Popen[bytes]
    log: Path
    settings: ServerSettings = field(default_factory=ServerSettings)

    @property
    def ingress(self) -> Address:
        return self.address

    def master(self) -> int:
        return self.process.pid if self.process.poll() is None else -1

    def workers(self) -> list[int]:
        return [stat.pid for stat in descendants(self.process.pid) if stat.parent == self.process.pid]

    def signal(self, pid: int, number: int) -> None:
        os.kill(pid, number)

    async def stop(self, grace_s: float) -> Stopped:
        self.process.terminate()
        return Stopped(await asyncio.to_thread(self.process.wait, grace_s), False, -1, -1)

    def leftovers(self) -> list[int]:
        return []


def start(folder: Path) -> Served:
    (folder / "trivial.py").write_text(APP)
    port, log = Ports().take(), folder / "server.log"
    words = ["-m", "gunicorn", "trivial:app", "-k", "uvicorn_worker.UvicornWorker", "-w", str(WORKERS)]
    words += ["-b", f"127.0.0.1:{port}", "--no-control-socket"]
    with log.open("wb") as out:
        process = subprocess.Popen([sys.executable, *words], cwd=folder, stdout=out, stderr=out)
    return Served(Address("127.0.0.1", port), process, log)


async def observe(served: Served, live_hz: float, seconds: float) -> float:
    """Share of one core that this process used while all probes ran, once every worker is pinned."""
    seen: list[Observation] = []
    watch = Watch(Clock.start(), seen.append, served, TRIAL)
    unused = Ports().take()
    probes = [make(watch) for make in PROBES]
    probes += [
        PinnedProbes(watch, live_hz=live_hz),
        MachineProbe(watch, served.address, os.getpid()),
        PathsProbe(watch, [PathSpec("postgres", unused, unused)]),
        LogProbe(watch, lambda line: None),
    ]
    tasks = [asyncio.create_task(probe.run()) for probe in probes]
    try:
        async with asyncio.timeout(30):
            while len(_pinned(seen, "live")) < WORKERS or len(_pinned(seen, "ready")) < WORKERS:
                await asyncio.sleep(0.05)
        print(f"  all pinned after {watch.clock.now_ns() / 1e9:.1f} s")
        seen.clear()
        cpu_s, began_s = time.process_time(), time.monotonic()
        await asyncio.sleep(seconds)
        share = (time.process_time() - cpu_s) / (time.monotonic() - began_s)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    rate = len([one for one in seen if isinstance(one, ProbeAnswered) and one.via == "pinned"]) / seconds
    kinds = Counter(type(one).__name__ for one in seen)
    print(f"  {rate:.0f} pinned probes a second; " + ", ".join(f"{name} {n}" for name, n in sorted(kinds.items())))
    return share


def _pinned(seen: list[Observation], probe: str) -> set[int]:
    return {one.pid for one in seen if isinstance(one, ProbeAnswered) and one.via == "pinned" and one.probe == probe}


async def main(seconds: float) -> int:
    met = True
    with tempfile.TemporaryDirectory(prefix="shakedown-observe-") as folder:
        served = start(Path(folder))
        try:
            answered = await answer_by_each_worker(served, "/health", WORKERS, 60)
            if len(answered) < WORKERS:
                print(f"Only {len(answered)} of {WORKERS} workers answered in 60 s.\n{served.log.read_text()}")
                return 2
            shares: dict[float, list[float]] = {live_hz: [] for live_hz in GOALS}
            for _ in range(ROUNDS):
                for live_hz, got in shares.items():
                    got.append(await observe(served, live_hz, seconds))
            for live_hz, goal in GOALS.items():
                got = sorted(shares[live_hz])
                met = met and median(got) <= goal
                print(
                    f"{WORKERS} workers at {live_hz:g} Hz: {median(got):.1%} of a core (median of {ROUNDS},"
                    f" {got[0]:.1%} to {got[-1]:.1%}; goal {goal:.0%})"
                )
        finally:
            await served.stop(20)
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(asyncio.run(main(float(sys.argv[1]) if len(sys.argv) > 1 else 8.0)))
