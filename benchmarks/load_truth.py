"""How true the load driver is: a stall against its computed truth, and how late requests leave at each rate.

    python -m benchmarks.load_truth [--repeat N] [--driver engine|master|flows] [--connections N…] [--stall-only]

The server is a process of its own on loopback. It holds every answer back for two seconds in the middle of a load of
100 requests a second, and notes when each one left it, on the clock that all processes share. The truth is that moment
less the one at which the request was due: it needs no trust in the driver. Prints the ratio of reported to true p95 and
p99 (goal: at most 1 % off), the same for the plain arithmetic of a server that lets go of everything at once, and a
table of send lag and CPU by rate without any stall.
"""

import argparse
import asyncio
import json
import sys
import tempfile
import time
from asyncio.subprocess import Process
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from harness.load.client import ENGINE_DRIVER, FLOW_DRIVER, MASTER_DRIVER, LoadDriver, spawn_child
from harness.load.messages import Done
from harness.load.profile import Profile, Segment
from harness.load.rows_file import read_rows
from harness.load.schedule import Schedule
from harness.model import samples
from harness.model.request import RequestLine
from harness.model.rows import Rows, ledger, nearest_rank
from harness.model.samples import Times
from harness.model.target import FlowSpec

_RATES_RPS = (50, 100, 200, 300, 500, 800)
_STALL_START_S, _STALL_END_S, _STALL_LOAD_S, _STALL_RATE_RPS = 4, 6, 10, 100
_CLEAN_LOAD_S = 5
_CLEAN_LAG_NS = 10_000_000
_ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
_GOAL = 0.01
_DRIVERS = {"engine": ENGINE_DRIVER, "master": MASTER_DRIVER, "flows": FLOW_DRIVER}
_FLOW = """
from locust import FastHttpUser, task


class Asks(FastHttpUser):
    @task
    def ask(self):
        self.client.get(f"/k-{self.arrival}", name="/k-[number]")
"""


async def serve() -> None:
    """Answers at once, but holds back while stalled. Input: "stall START END" (s), or "report" for what left when."""
    stall = [0.0, 0.0]
    left_ns: dict[int, int] = {}

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                if stall[0] <= time.monotonic() < stall[1]:
                    await asyncio.sleep(stall[1] - time.monotonic())
                writer.write(_ANSWER)
                left_ns[int(head.split(b" ", 2)[1].rpartition(b"-")[2])] = time.monotonic_ns()
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0, backlog=2048)
    print(server.sockets[0].getsockname()[1], flush=True)
    loop = asyncio.get_running_loop()
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        if line.startswith("stall"):
            stall[:] = [float(moment) for moment in line.split()[1:]]
        else:
            print(json.dumps(left_ns), flush=True)
        left_ns = left_ns if line.startswith("stall") else {}


@dataclass(frozen=True, slots=True)
class Setup:
    """What sends, and over how many connections; 0 means as many as the profile can need."""

    driver: str
    connections: int = 0

    def profile(self, port: int, rate_rps: float, duration_s: float) -> Profile:
        segments = (Segment.steady(duration_s, rate_rps),)
        return Profile("127.0.0.1", port, segments, (RequestLine("ok", path="/{key}"),), connections=self.connections)


@dataclass(frozen=True, slots=True)
class Load:
    rows: Rows
    done: Done
    cpu_share: float
    t0_ns: int


async def load(
    setup: Setup, port: int, rate_rps: float, duration_s: float, server: Process, stalled: bool = False
) -> Load:
    profile = setup.profile(port, rate_rps, duration_s)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "samples.rows"
        async with await LoadDriver.launch(spawn_child, _DRIVERS[setup.driver]) as driver:
            flow = None
            if setup.driver == "flows":
                flow = FlowSpec(str(Path(folder) / "flow.py"))
                Path(flow.locustfile).write_text(_FLOW)  # noqa: ASYNC240  nothing runs beside it
            ready = await driver.prepare(profile, path, flow=flow)
            t0 = time.monotonic_ns() + 200_000_000
            if stalled:
                assert server.stdin
                server.stdin.write(f"stall {t0 / 1e9 + _STALL_START_S} {t0 / 1e9 + _STALL_END_S}\n".encode())
            await driver.start(t0)
            sums = [total async for total in driver.sums()]
            done = await driver.wait_done(5)
        rows = np.array(read_rows(path))
    if not ledger(rows, ready.arrivals).balanced or done.ok != ready.arrivals:
        raise SystemExit(f"{done.ok} of {ready.arrivals} requests were answered: this measures nothing")
    cpu_share = (sums[-1].cpu_s - sums[0].cpu_s) / (sums[-1].at_ns - sums[0].at_ns) * 1e9
    return Load(rows, done, cpu_share, t0)


async def truth_ns(server: Process, t0_ns: int, due: Times) -> Times:
    assert server.stdin
    assert server.stdout
    server.stdin.write(b"report\n")
    left = json.loads(await server.stdout.readline())
    return np.array([left[str(k)] for k in range(len(due))]) - t0_ns - due


async def measure(setups: list[Setup], repeat: int, stall_only: bool) -> int:
    pipe = asyncio.subprocess.PIPE
    server = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "benchmarks.load_truth", "--serve", stdin=pipe, stdout=pipe, limit=1 << 20
    )
    assert server.stdout
    try:
        port = int(await server.stdout.readline())
        worst = 0.0
        for setup in setups * repeat:
            worst = max(worst, await measure_stall(setup, port, server))
        if not stall_only:
            await measure_lag(Setup(setups[0].driver), port, server)
    finally:
        server.kill()
        await server.wait()
    verdict = "met" if worst <= _GOAL else "missed"
    print(f"worst of {repeat * len(setups)}: {worst:.2%} off the truth; goal {_GOAL:.0%}: {verdict}")
    return 0 if worst <= _GOAL else 1


async def measure_stall(setup: Setup, port: int, server: Process) -> float:
    seen = await load(setup, port, _STALL_RATE_RPS, _STALL_LOAD_S, server, stalled=True)
    due = Schedule(setup.profile(port, _STALL_RATE_RPS, _STALL_LOAD_S)).whole().intended_ns
    true = await truth_ns(server, seen.t0_ns, due)
    end = _STALL_END_S * 10**9
    plain = np.where((due >= _STALL_START_S * 10**9) & (due < end), end - due, 0)
    off = 0.0
    for name, per_mille in (("p95", 950), ("p99", 990)):
        told, wanted, simple = (nearest_rank(v, per_mille) for v in (samples.response_ns(seen.rows), true, plain))
        off = max(off, abs(told / wanted - 1))
        print(
            f"2 s stall at 100/s, {setup.driver}, {setup.connections or 'any'} connections: {name} told"
            f" {told / 1e6:.1f} ms, truth {wanted / 1e6:.1f} ms,"
            f" ratio {told / wanted:.4f} ({told / simple:.4f} to the plain arithmetic)"
        )
    return off


async def measure_lag(setup: Setup, port: int, server: Process) -> None:
    print("rate/s   lag p50 ms   lag p99 ms   service p50 ms   CPU share   RSS MB")
    for rate in _RATES_RPS:
        seen = await load(setup, port, rate, _CLEAN_LOAD_S, server)
        lag = samples.quantiles(samples.send_lag_ns(seen.rows))
        service = samples.quantiles(samples.service_ns(seen.rows))
        assert lag
        assert service
        verdict = "clean" if lag.p99_ns < _CLEAN_LAG_NS else "late"
        print(
            f"{rate:6} {lag.p50_ns / 1e6:12.2f} {lag.p99_ns / 1e6:12.2f} {service.p50_ns / 1e6:16.2f}"
            f" {seen.cpu_share:11.1%} {seen.done.max_rss_kb / 1024:8.0f}   {verdict}"
        )


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--repeat", type=int, default=3, help="how often the stall is measured")
    parser.add_argument("--driver", choices=_DRIVERS, default="master")
    parser.add_argument("--connections", nargs="+", type=int, default=[0], help="0: as many as can be needed")
    parser.add_argument("--stall-only", action="store_true", help="without the table of send lag")
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        asyncio.run(serve())
        return 0
    setups = [Setup(options.driver, connections) for connections in options.connections]
    return asyncio.run(measure(setups, options.repeat, options.stall_only))


if __name__ == "__main__":
    sys.exit(main())
