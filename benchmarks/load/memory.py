"""Does the load engine's memory stay flat, however long the load?

    .venv/bin/python benchmarks/load/memory.py [--millions 4] [--rate 15000] [--poisson]

One load against the stamping server; the engine's resident memory at a quarter, a half and all of it. Four million
requests take four and a half minutes, ten million eleven. Flat: the second half adds at most 4 MB.
"""

from __future__ import annotations

import argparse
import asyncio
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks.load.stamps import command  # noqa: E402
from harness.load.client import ENGINE_DRIVER, LoadDriver, spawn_child  # noqa: E402
from harness.load.messages import Done  # noqa: E402
from harness.load.profile import Profile, Segment  # noqa: E402
from harness.load.rows_file import read_rows  # noqa: E402
from harness.model.request import RequestLine  # noqa: E402
from harness.model.rows import ledger  # noqa: E402

GROWTH_MB = 4.0
LEAD_NS = 300_000_000


def rss_mb(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith("VmRSS")).split()[1]) / 1024


async def drive(profile: Profile, rows: Path, marks: list[int]) -> tuple[list[tuple[int, float]], Done]:
    """The memory after so many requests, and how the load ended."""
    seen: list[tuple[int, float]] = []
    async with await LoadDriver.launch(spawn_child, ENGINE_DRIVER) as load:
        await load.prepare(profile, rows)
        print(f"{0:12,} requests {rss_mb(load.pid):7.1f} MB  ready")
        await load.start(time.monotonic_ns() + LEAD_NS)
        async for total in load.sums():
            if len(seen) < len(marks) and total.due >= marks[len(seen)] * 0.999 and total.due < total.scheduled:
                seen.append((total.due, rss_mb(load.pid)))
                print(f"{total.due:12,} requests {seen[-1][1]:7.1f} MB", flush=True)
        done = await load.wait_done(30)
    return seen, done


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--millions", type=float, default=4.0)
    parser.add_argument("--rate", type=float, default=15_000)
    parser.add_argument("--poisson", action="store_true")
    asked = parser.parse_args()
    count = asked.millions * 1e6
    with tempfile.TemporaryDirectory(prefix="engine-memory-") as folder:
        words, pipe = command("stamping_server", Path(folder) / "stamps"), subprocess.PIPE
        with subprocess.Popen(words, stdin=pipe, stdout=pipe, text=True, cwd=ROOT) as server:
            assert server.stdin is not None
            assert server.stdout is not None
            profile = Profile(
                host="127.0.0.1",
                port=int(server.stdout.readline()),
                segments=(Segment.steady(count / asked.rate, asked.rate),),
                requests=(RequestLine("stamp", path="/{key}"),),
                arrivals="poisson" if asked.poisson else "uniform",
                connections=64,
                timeout_s=5,
                queue_timeout_s=5,
            )
            rows = Path(folder) / "rows"
            seen, done = asyncio.run(drive(profile, rows, [int(count * share) for share in (0.25, 0.5, 0.98)]))
            server.stdin.close()
            server.wait(30)
        book = ledger(read_rows(rows), done.scheduled)
    print(f"sent {book.sent:,} of {book.scheduled:,}, answered {book.answered:,}, peak {done.max_rss_kb / 1024:.1f} MB")
    if len(seen) < 3 or not book.balanced or book.sent < 0.99 * book.scheduled:
        print("the load was not sent as asked: this says nothing of the memory")
        return 2
    growth = seen[2][1] - seen[1][1]
    print(f"from the half to the end {growth:+.1f} MB; goal at most {GROWTH_MB:g} MB")
    return 0 if growth <= GROWTH_MB else 1


if __name__ == "__main__":
    sys.exit(main())
