"""How many requests a second does one core send on time? Judged by the server, which stamps each arrival.

    .venv/bin/python benchmarks/load/engine_rate.py [RATE…] [--driver engine|master] [--seconds 3]

Generator on one core, server on another, 64 connections, an open model. "Slip" is the arrival at the server against
the schedule, so it holds the server's own delay too. Clean: 99 % sent, slip p99 at most 1 ms and send lag p99 at most
0.5 ms. With `--rt` engine and server get real-time priority (root), for a machine on which others work too; Locust's
processes do not. The connections are opened before the start, for that is no part of a rate. CPU is in cores: of the
generator with all its processes, also by request in µs, and of the server, which has a limit too.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks.load.stamps import command  # noqa: E402
from harness.load.client import ENGINE_DRIVER, MASTER_DRIVER, LoadDriver, spawn_child  # noqa: E402
from harness.load.profile import Profile, Segment  # noqa: E402
from harness.load.rows_file import read_rows  # noqa: E402
from harness.load.schedule import Schedule  # noqa: E402
from harness.model.request import RequestLine  # noqa: E402
from harness.model.rows import ANSWERED, in_group  # noqa: E402
from harness.system.proc import command_of, descendants, tree_cpu_s  # noqa: E402

DRIVERS = {"engine": ENGINE_DRIVER, "master": MASTER_DRIVER}
RATES = (1000, 5000, 10_000, 20_000)
SLIP_MS, LAG_MS, SENT = 1.0, 0.5, 0.99
LEAD_NS = 300_000_000


@dataclass(frozen=True, slots=True)
class Seen:
    rate_rps: float
    sent: float
    slip_p50_ms: float
    slip_p99_ms: float
    lag_p99_ms: float
    answer_p99_ms: float
    cpu: float
    server_cpu: float
    rss_mb: float

    @property
    def clean(self) -> bool:
        return self.sent >= SENT and self.slip_p99_ms <= SLIP_MS and self.lag_p99_ms <= LAG_MS


def profile_of(port: int, rate_rps: float, seconds: float) -> Profile:
    return Profile(
        host="127.0.0.1",
        port=port,
        segments=(Segment.steady(seconds, rate_rps),),
        requests=(RequestLine("stamp", path="/{key}"),),
        connections=64,
        timeout_s=5,
        queue_timeout_s=5,
        preconnect=True,
    )


def placed(words: list[str], core: int, real_time: bool) -> list[str]:
    """The command, on one core and at the priority of all that is compared."""
    cores = sorted(os.sched_getaffinity(0))
    pinned = ["taskset", "-c", str(cores[core])] if len(cores) > 1 else []
    return [*(["chrt", "-f", "10"] if real_time else []), *pinned, *words]


def pin(pid: int, core: int) -> None:
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) > 1:
        for task in Path(f"/proc/{pid}/task").iterdir():
            os.sched_setaffinity(int(task.name), {cores[core]})


async def drive(driver: str, profile: Profile, rows: Path, real_time: bool) -> tuple[int, float, float]:
    """When it began, the CPU that all its processes took a second, and the memory of the largest in MB."""
    async with await LoadDriver.launch(spawn_child, DRIVERS[driver]) as load:
        await load.prepare(profile, rows)
        below = [stat.pid for stat in descendants(load.pid)]
        for pid in (load.pid, *below):
            pin(pid, 0)
        if real_time:
            sender = next((pid for pid in below if "load.engine" in command_of(pid)), load.pid)
            os.sched_setscheduler(sender, os.SCHED_FIFO, os.sched_param(10))
        before = tree_cpu_s(load.pid)
        t0 = time.monotonic_ns() + LEAD_NS
        await load.start(t0)
        await asyncio.sleep(LEAD_NS / 1e9 + profile.duration_s - 0.1)
        spent = tree_cpu_s(load.pid) - before  # while the last processes are still there
        done = await load.wait_done(profile.duration_s + 20)
    return t0, spent / profile.duration_s, done.max_rss_kb / 1024


def measure(driver: str, rate_rps: float, seconds: float, folder: Path, real_time: bool) -> Seen:
    stamps_file, rows_file = folder / "stamps", folder / "rows"
    words, pipe = placed(command("stamping_server", stamps_file), -1, real_time), subprocess.PIPE
    with subprocess.Popen(words, stdin=pipe, stdout=pipe, text=True, cwd=ROOT) as server:
        assert server.stdin is not None
        assert server.stdout is not None
        port = int(server.stdout.readline())
        profile = profile_of(port, rate_rps, seconds)
        idle_s = tree_cpu_s(server.pid)
        t0, cpu, rss_mb = asyncio.run(drive(driver, profile, rows_file, real_time))
        server_cpu = (tree_cpu_s(server.pid) - idle_s) / seconds
        server.stdin.close()
        server.wait(10)
    rows, schedule = read_rows(rows_file), Schedule(profile).whole()
    stamps = np.fromfile(stamps_file, np.int64).reshape(-1, 2)
    slip = stamps[:, 1] - (schedule.intended_ns[stamps[:, 0]] + t0)
    sent, answered = rows[rows["sent"] >= 0], rows[in_group(rows, ANSWERED)]

    def ms(values: np.typing.NDArray[np.int64], share: float) -> float:
        return float(np.percentile(values, share)) / 1e6 if len(values) else float("nan")

    return Seen(
        rate_rps,
        len(sent) / len(schedule),
        ms(slip, 50),
        ms(slip, 99),
        ms(sent["sent"] - sent["intended"], 99),
        ms(answered["done"] - answered["intended"], 99),
        cpu,
        server_cpu,
        rss_mb,
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rates", nargs="*", type=float, default=RATES)
    parser.add_argument("--driver", choices=DRIVERS, default="engine")
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--rt", action="store_true")
    asked = parser.parse_args()
    print("  rate/s    sent  slip p50   p99 ms  lag p99 answer p99   CPU    µs server    MB")
    best = 0.0
    for rate_rps in asked.rates:
        with tempfile.TemporaryDirectory(prefix="engine-rate-") as folder:
            seen = measure(asked.driver, rate_rps, asked.seconds, Path(folder), asked.rt)
        best = max(best, rate_rps if seen.clean else 0.0)
        print(
            f"{rate_rps:8.0f} {seen.sent:7.2%} {seen.slip_p50_ms:9.3f} {seen.slip_p99_ms:8.3f} {seen.lag_p99_ms:8.3f}"
            f" {seen.answer_p99_ms:10.3f} {seen.cpu:5.2f} {seen.cpu / rate_rps * 1e6:5.1f} {seen.server_cpu:6.2f}"
            f" {seen.rss_mb:5.0f} {'clean' if seen.clean else ''}"
        )
    print(f"highest clean rate {best:.0f}/s; goal 20,000/s (slip p99 ≤ {SLIP_MS} ms, lag p99 ≤ {LAG_MS} ms)")
    return 0 if best >= 20_000 else 1


if __name__ == "__main__":
    sys.exit(main())
