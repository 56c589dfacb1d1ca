"""Ours and its peers at the same rates, one after the other, judged by a server that stamps every arrival.

    .venv/bin/python -m benchmarks.load.peers [--for SECONDS] [--rates …] [--tools …] [--passes 3] [--rt] [--keep FILE]

`peer_install.py` brings the peers. Generator on one core, server on another, 64 connections, 3 s a point; within a pass
each rate is asked of every tool before the next rate. Slip is how late a request reached the server against a uniform
schedule, whose zero is put so that 1 in 100 is early: it needs no trust in the tool, holds the server's own delay, and
is taken alike for all. A rate that a tool missed by more than a fifth ends its climb in that pass. Clean is a point
with a slip p99 of at most 5 ms and 99 % sent, for everybody; a tool is clean as far as all passes are. Ours opens its
connections before the start, which the others cannot be asked for.

It stops after `--for` seconds and goes on where it was when called again; each result stands in the file. `--rt` gives
generator and server real-time priority (root), for a machine on which others work: it is then the tools' capacity, not
what a shared machine gives.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from benchmarks.load.engine_rate import LEAD_NS, placed, profile_of
from benchmarks.load.peer_install import GO, default_folder, find
from benchmarks.load.peer_tools import Claim, Peer, peers
from benchmarks.load.stamps import ROOT, command
from harness.load.client import ENGINE_DRIVER, LoadDriver, spawn_child
from harness.load.rows_file import read_rows
from harness.model import samples

RATES = (1000, 2000, 5000, 10_000, 20_000)
SECONDS = 3.0
OURS = "shakedown"
CLEAN_SLIP_MS, CLEAN_SENT = 5.0, 0.99
_ENOUGH = 0.8
_TICK_S = 0.1


@dataclass(frozen=True, slots=True)
class Point:
    """What one tool did at one rate: `sent` is what reached the server, CPU is that of the generator, in cores."""

    tool: str
    version: str
    model: str
    turn: int
    rate_rps: int
    sent_rps: float
    slip_p50_ms: float
    slip_p99_ms: float
    cpu: float
    rss_mb: float
    told_rps: float
    told_p50_ms: float
    told_p99_ms: float
    note: str
    real_time: bool

    @property
    def clean(self) -> bool:
        return self.slip_p99_ms <= CLEAN_SLIP_MS and self.sent_rps >= CLEAN_SENT * self.rate_rps


class Watch:
    """CPU and memory of a process while it runs, ten times a second."""

    def __init__(self, pid: int) -> None:
        self._pid, self._over = pid, threading.Event()
        self.cpu: list[tuple[int, float]] = []
        self.rss_mb = 0.0
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        tick = os.sysconf("SC_CLK_TCK")
        while not self._over.wait(_TICK_S):
            with contextlib.suppress(OSError, IndexError):
                fields = Path(f"/proc/{self._pid}/stat").read_text().rpartition(")")[2].split()
                self.cpu.append((time.monotonic_ns(), (int(fields[11]) + int(fields[12])) / tick))
                status = Path(f"/proc/{self._pid}/status").read_text()
                self.rss_mb = max(self.rss_mb, int(status.partition("VmHWM:")[2].split()[0]) / 1024)

    def share(self, first_ns: int, last_ns: int) -> float:
        """CPU a second between two moments, to the nearest ticks."""
        self._over.set()
        self._thread.join()
        inside = [(at, used) for at, used in self.cpu if first_ns <= at <= last_ns]
        if len(inside) < 2:
            return float("nan")
        return (inside[-1][1] - inside[0][1]) / (inside[-1][0] - inside[0][0]) * 1e9


class Server:
    """The stamping server; its stamps come when it is closed."""

    def __init__(self, folder: Path, real_time: bool) -> None:
        self._stamps = folder / "stamps"
        words, pipe = placed(command("stamping_server", self._stamps), -1, real_time), subprocess.PIPE
        self._process = subprocess.Popen(words, stdin=pipe, stdout=pipe, text=True, cwd=ROOT)
        assert self._process.stdout is not None
        self.port = int(self._process.stdout.readline())

    def close(self) -> np.typing.NDArray[np.int64]:
        """When each arrival came, in order."""
        self._process.communicate(timeout=20)
        return np.sort(np.fromfile(self._stamps, np.int64).reshape(-1, 2)[:, 1])


def slip_ms(arrived: np.typing.NDArray[np.int64], rate_rps: int) -> np.typing.NDArray[np.float64]:
    behind = arrived - np.arange(len(arrived)) * (1e9 / rate_rps)
    return (behind - np.percentile(behind, 1)) / 1e6


@contextlib.contextmanager
def folder_of() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="peers-") as name:
        yield Path(name)


def measure_peer(peer: Peer, tool: Path, rate: int, turn: int, real_time: bool) -> Point:
    with folder_of() as folder:
        server = Server(folder, real_time)
        words = peer.command(tool, f"http://127.0.0.1:{server.port}/x-0", rate, SECONDS, folder)
        out = folder / "out"
        with out.open("wb") as file:
            child = subprocess.Popen(placed(words, 0, real_time), stdout=file, stderr=subprocess.DEVNULL, cwd=folder)
            watch = Watch(child.pid)
            try:
                child.wait(SECONDS + 20)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()
        arrived = server.close()
        try:
            claim = peer.claim(out.read_text(errors="replace"), folder)
        except (OSError, ValueError, KeyError, TypeError) as error:
            claim = Claim(note=f"its report cannot be read: {type(error).__name__}")
        return point(peer.name, peer.version(tool), peer.model, turn, rate, arrived, watch, claim, real_time)


def measure_ours(rate: int, turn: int, real_time: bool) -> Point:
    with folder_of() as folder:
        server = Server(folder, real_time)
        profile = profile_of(server.port, rate, SECONDS)
        watch = asyncio.run(drive(profile, folder, real_time))
        arrived = server.close()
        rows = read_rows(folder / "rows")
        told = samples.quantiles(samples.response_ns(rows))
        unsent = int((rows["sent"] < 0).sum())
        length_s = (rows["sent"].max() - rows["intended"].min()) / 1e9
        note = f"{unsent} not sent" if unsent else ""
        claim = Claim(note=note)
        if told:
            claim = Claim((len(rows) - unsent) / length_s, told.p50_ns / 1e6, told.p99_ns / 1e6, note)
        return point(OURS, "engine", "open", turn, rate, arrived, watch, claim, real_time)


async def drive(profile: object, folder: Path, real_time: bool) -> Watch:
    argv = placed(list(ENGINE_DRIVER), 0, real_time)
    async with await LoadDriver.launch(spawn_child, argv) as load:
        await load.prepare(profile, folder / "rows")  # type: ignore[arg-type]
        watch = Watch(load.pid)
        await load.start(time.monotonic_ns() + LEAD_NS)
        await load.wait_done(SECONDS + 30)
    return watch


def point(
    tool: str,
    version: str,
    model: str,
    turn: int,
    rate: int,
    arrived: np.typing.NDArray[np.int64],
    watch: Watch,
    claim: Claim,
    real_time: bool,
) -> Point:
    nan = float("nan")
    if len(arrived) < 10:
        p50 = p99 = nan
        sent, cpu = len(arrived) / SECONDS, watch.share(0, 0)
    else:
        slip = slip_ms(arrived, rate) if model != "none" else np.array([nan])
        p50, p99 = float(np.percentile(slip, 50)), float(np.percentile(slip, 99))
        sent = (len(arrived) - 1) / max((arrived[-1] - arrived[0]) / 1e9, SECONDS * 0.99)
        cpu = watch.share(int(arrived[0]), int(arrived[-1]))
    told = (claim.rate_rps, claim.p50_ms, claim.p99_ms, claim.note)
    return Point(tool, version, model, turn, rate, sent, p50, p99, cpu, watch.rss_mb, *told, real_time)


def todo(names: list[tuple[str, str]], rates: tuple[int, ...], turns: int, done: list[Point]) -> Iterator[tuple]:
    """Turn, rate, tool: what is left, without what a tool has shown that it cannot reach."""
    seen = {(p.turn, p.rate_rps, p.tool) for p in done}
    for turn in range(1, turns + 1):
        for rate in rates:
            for name, model in names:
                if model == "none" and rate != rates[-1]:
                    continue
                lost = any(
                    p.turn == turn and p.tool == name and p.rate_rps < rate and p.sent_rps < _ENOUGH * p.rate_rps
                    for p in done
                )
                if (turn, rate, name) not in seen and not lost:
                    yield turn, rate, name


def table(done: list[Point]) -> str:
    lines = [
        "| tool | model | asked /s | reached the server /s | slip p50 ms | slip p99 ms | CPU | MB"
        " | says: rate /s | p50 ms | p99 ms | |",
        "|---|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    rates = sorted({p.rate_rps for p in done})
    for rate in rates:
        for tool in dict.fromkeys(p.tool for p in done):
            mine = [p for p in done if p.rate_rps == rate and p.tool == tool]
            if mine:
                lines.append(_row(mine))
    return "\n".join(lines)


def _row(mine: list[Point]) -> str:
    first = mine[0]
    columns = [(p.sent_rps, p.slip_p50_ms, p.slip_p99_ms, p.cpu, p.rss_mb) for p in mine]
    told = [(p.told_rps, p.told_p50_ms, p.told_p99_ms) for p in mine]
    sent, p50, p99, cpu, rss = (float(np.median(values)) for values in zip(*columns, strict=True))
    rate, told_p50, told_p99 = (float(np.median(values)) for values in zip(*told, strict=True))
    spread = f" ({min(p.slip_p99_ms for p in mine):.2f} to {max(p.slip_p99_ms for p in mine):.2f})"
    asked = "as much as it can" if first.model == "none" else f"{first.rate_rps:,}"
    slips = ["–", "–"] if first.model == "none" else [f"{p50:.2f}", f"{p99:.2f}{spread if len(mine) > 1 else ''}"]
    cells = [f"{first.tool} {first.version}", first.model, asked, f"{sent:,.0f}", *slips, f"{cpu:.2f}", f"{rss:.0f}"]
    notes = "; ".join(dict.fromkeys(p.note for p in mine if p.note))
    return "| " + " | ".join([*cells, f"{rate:,.0f}", f"{told_p50:.2f}", f"{told_p99:.2f}", notes]) + " |"


def clean_rates(done: list[Point]) -> Iterator[str]:
    """For each tool with a schedule, how far it is clean, and what came next."""
    for tool in dict.fromkeys(p.tool for p in done if p.model == "open"):
        mine = [p for p in done if p.tool == tool]
        rates = sorted({p.rate_rps for p in mine})
        clean = [rate for rate in rates if all(p.clean for p in mine if p.rate_rps == rate)]
        best = max(clean, default=0)
        above = next((rate for rate in rates if rate > best), None)
        counts = f"{sum(p.clean for p in mine if p.rate_rps == above)} of {sum(p.rate_rps == above for p in mine)}"
        then = f"at {above:,} clean in {counts} passes" if above else "the highest that was asked"
        yield f"{tool}: clean at {best:,}/s; {then}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--for", dest="seconds", type=float, default=3600.0, help="stop after so many seconds")
    parser.add_argument("--rates", nargs="+", type=int, default=RATES)
    parser.add_argument(
        "--tools", nargs="+", metavar="NAME", help=f"of {OURS}, {', '.join((*GO, 'oha', 'wrk'))}, locust"
    )
    parser.add_argument("--passes", type=int, default=3)
    parser.add_argument("--rt", action="store_true", help="real-time priority for generator and server alike (root)")
    parser.add_argument("--peers", type=Path, default=default_folder(), help="where peer_install.py put them")
    parser.add_argument("--keep", type=Path, default=Path("runs/benchmark-peers.jsonl"))
    asked = parser.parse_args()
    end = time.monotonic() + asked.seconds
    tools = {name: found for name in (*GO, "oha", "wrk") if (found := find(name, asked.peers))}
    known = {peer.name: peer for peer in peers(tools, Path(sys.executable))}
    asked.keep.parent.mkdir(parents=True, exist_ok=True)
    done = [Point(**json.loads(line)) for line in asked.keep.read_text().splitlines()] if asked.keep.exists() else []
    names = [(OURS, "open"), *((name, peer.model) for name, peer in known.items())]
    names = [(name, model) for name, model in names if not asked.tools or name in asked.tools]
    while time.monotonic() < end:
        left = next(todo(names, tuple(asked.rates), asked.passes, done), None)
        if left is None:
            break
        turn, rate, name = left
        ours = name == OURS
        seen = (
            measure_ours(rate, turn, asked.rt) if ours else measure_peer(known[name], tools[name], rate, turn, asked.rt)
        )
        done.append(seen)
        with asked.keep.open("a") as file:
            file.write(json.dumps(asdict(seen)) + "\n")
    print(table(done))
    print("", *clean_rates(done), sep="\n")
    rest = sum(1 for _ in todo(names, tuple(asked.rates), asked.passes, done))
    print(f"\n{len(done)} points, {rest} left; real-time priority: {'yes' if asked.rt else 'no'}")
    return 2 if rest else 0


if __name__ == "__main__":
    sys.exit(main())
