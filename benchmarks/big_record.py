"""How long does it take to judge and report a trial of an hour at 1,000 requests a second, and in how much memory?

    .venv/bin/python benchmarks/big_record.py [--samples 3600000] [--keep DIR]

The samples and observations are made; `shakedown judge` and `shakedown report` are the real ones, each a process of its
own. A tenth of the requests store something, so that the ledger of the keys is as long as it would be. Memory is the
peak of what is resident, the mapped file of the samples included.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from harness.model.observation import (  # noqa: E402
    BootEnded,
    DatabaseSampled,
    FaultChanged,
    InFlightEnded,
    KeysStored,
    LoadEnded,
    LoadStarted,
    LoadSummed,
    MachineSampled,
    Observation,
    OrphansScanned,
    PathSampled,
    PhaseBegan,
    ProbeAnswered,
    ProcessSampled,
    ServerStopped,
    TrialEnded,
    WorkerPinned,
    WorkersSeen,
)
from harness.model.rows import NO_PID, ROW, Outcome, Rows  # noqa: E402
from harness.model.scenario import Scenario, fault  # noqa: E402
from harness.model.target import Limits, ProbeSpec, RequestLine, Slo  # noqa: E402
from harness.model.trial import ServerSettings, Trial  # noqa: E402
from harness.record import TrialWriter, write_manifest  # noqa: E402

TIME_S, MEMORY_MB = 10.0, 500.0
RATE_RPS = 1000
S, MS = 10**9, 10**6
LINES = (
    RequestLine("list", needs=("db",)),
    RequestLine("static", path="/static"),
    RequestLine("create", "POST", "/items", body="{key}", expect=(201,), stores=True, weight=0.2, needs=("db",)),
)
PIDS = (101, 102)
MASTER = 100


class Story:
    """A third of the time each: baseline, database refused, recovery. The service does well."""

    def __init__(self, samples: int) -> None:
        self.samples = samples
        self.load_s = samples / RATE_RPS
        self.begin_s = 2.0
        self.baseline_s = self.begin_s + 3.0
        self.bite_s = self.begin_s + self.load_s / 3
        self.lift_s = self.begin_s + self.load_s * 2 / 3
        self.end_s = self.begin_s + self.load_s

    def trial(self) -> Trial:
        uses = (fault("postgres.refuse", for_s=self.lift_s - self.bite_s),)
        return Trial(
            index=1,
            scenario=Scenario(
                "an-hour", "Does it hold for an hour?", faults=uses, ready="down", baseline_s=self.load_s / 3
            ),
            target="app.main:app",
            server="gunicorn-uvicorn",
            server_settings=ServerSettings(30.0, 30.0, 5.0),
            workers=len(PIDS),
            config={},
            seed=1,
            live="/health",
            ready="/ready",
            live_probe=ProbeSpec(),
            ready_probe=ProbeSpec(),
            ready_needs=("db",),
            part_kinds={"db": "postgres"},
            requests=LINES,
            rate_rps=RATE_RPS,
            timeout_s=12.0,
            key_prefix="k",
            ledger=True,
            slo=Slo(),
            limits=Limits(),
        )

    def rows(self) -> Rows:
        chance = np.random.default_rng(1)
        rows = np.zeros(self.samples, ROW)
        rows["k"] = np.arange(self.samples)
        rows["conn"] = rows["k"] % 64
        rows["intended"] = np.round((self.begin_s + (rows["k"] + 0.5) / RATE_RPS) * S)
        rows["sent"] = rows["intended"] + chance.integers(20_000, 400_000, self.samples)
        rows["first"] = rows["done"] = rows["sent"] + np.round(chance.gamma(4.0, 3.0, self.samples) * MS).astype(
            np.int64
        )
        rows["endpoint"] = chance.choice(len(LINES), self.samples, p=(0.5, 0.4, 0.1))
        rows["status"] = np.where(rows["endpoint"] == 2, 201, 200)
        broken = (rows["intended"] >= self.bite_s * S) & (rows["intended"] < self.lift_s * S) & (rows["endpoint"] != 1)
        rows["code"] = np.where(broken, Outcome.BAD_STATUS, Outcome.OK)
        rows["status"][broken] = 503
        rows["pid"], rows["bytes"] = NO_PID, 200
        return rows[np.argsort(rows["done"], kind="stable")]

    def observations(self, rows: Rows) -> Iterator[Observation]:
        yield BootEnded(True, "", "", 0, at(self.begin_s))
        for name, at_s in (("boot", 0.0), ("warmup", self.begin_s), ("baseline", self.baseline_s)):
            yield PhaseBegan(name, at(at_s), at(at_s))
        yield from (WorkerPinned(pid, at(1.9), at(1.95)) for pid in PIDS)
        yield LoadStarted(self.samples, at(self.begin_s), at(self.begin_s))
        marks: list[Observation] = [
            PhaseBegan("fault", at(self.bite_s), at(self.bite_s)),
            FaultChanged("db.refuse", "apply", True, "done", {}, at(self.bite_s), at(self.bite_s + 0.02)),
            FaultChanged("db.refuse", "prove", True, "it bites", {}, at(self.bite_s + 0.5), at(self.bite_s + 0.6)),
            FaultChanged("db.refuse", "lift", True, "done", {}, at(self.lift_s), at(self.lift_s + 0.02)),
            PhaseBegan("recovery", at(self.lift_s + 0.05), at(self.lift_s + 0.05)),
        ]
        for quarter in range(int(self.begin_s * 4), int(self.end_s * 4)):
            yield from self._quarter(quarter)
            while marks and marks[0].done_ns <= at((quarter + 1) / 4):
                yield marks.pop(0)
        yield from self._end(rows)

    def _quarter(self, quarter: int) -> Iterator[Observation]:
        now = quarter / 4
        yield MachineSampled(2.0, 3.0, 0.0, 0.4, 0.1 * now, at(now), at(now))
        yield WorkersSeen(MASTER, PIDS, at(now), at(now))
        if quarter % 2 == 0:
            done = max(0, int((now - self.begin_s) * RATE_RPS))
            yield LoadSummed(done, done, 0, 0, 0, 0, 12.0, 30.0, 0.4, 0.2 * now, at(now), at(now))
            yield from (probe("live", "pinned", pid, now + 0.01 * pid / 100) for pid in PIDS)
        if quarter % 4 == 0:
            status = 503 if self.bite_s + 1.5 <= now < self.lift_s + 0.8 else 200
            yield from (probe("ready", "pinned", pid, now + 0.05, status) for pid in PIDS)
            yield probe("live", "fresh", -1, now + 0.1)
            yield probe("ready", "fresh", -1, now + 0.1, status)
            yield DatabaseSampled("db", 6, 1, 0, 100, at(now), at(now), 4, 0)
            yield PathSampled("db", 4, 0, at(now), at(now))
            for pid, role in ((MASTER, "master"), *((pid, "worker") for pid in PIDS)):
                yield ProcessSampled(pid, role, "S", 0.3 * now, 90_000_000, 40, at(now), at(now), 12)

    def _end(self, rows: Rows) -> Iterator[Observation]:
        end, asked, left = at(self.end_s), at(self.end_s + 0.6), at(self.end_s + 3.0)
        yield PhaseBegan("drain", end, end)
        yield LoadEnded(True, "", self.samples, end, end)
        for key, took_s, status in ((S, 1.5, 201), (S + 1, 1.2, 503)):
            yield InFlightEnded("create", 101, end + MS, "answered", status, key, end, asked + at(took_s))
        yield ServerStopped("drain", 0, False, 30.0, asked, left)
        yield OrphansScanned((), (), left, left + S // 10)
        yield PhaseBegan("end", left, left)
        stored = rows["k"][(rows["endpoint"] == 2) & (rows["code"] == Outcome.OK)].tolist()
        keys = (*((key, 1) for key in stored), (S, 1))
        yield KeysStored(keys, len(keys), left, left + 2 * S)
        yield TrialEnded("complete", "", left + 2 * S, left + 2 * S)


def at(seconds: float) -> int:
    return round(seconds * S)


def probe(kind: str, via: str, pid: int, at_s: float, status: int = 200) -> ProbeAnswered:
    return ProbeAnswered(kind, via, pid, "answered", status, at(at_s), at(at_s + 0.004))


def folder_of(run_dir: Path) -> Path:
    return run_dir / "trials" / "01-an-hour"


def write(run_dir: Path, samples: int) -> None:
    """The run directory, as a run would leave it."""
    story = Story(samples)
    writer = TrialWriter(folder_of(run_dir))
    writer.write_trial(story.trial())
    rows = story.rows()
    writer.samples.write_bytes(rows.tobytes())
    for observation in story.observations(rows):
        writer.write(observation)
    writer.close()
    write_manifest(run_dir, {"target": "app.main:app", "command": ["shakedown", "run"], "seed": 1, "plan": []})


def measure(words: list[str]) -> tuple[float, float, int]:
    """Wall time, peak of resident memory in MB, exit code."""
    began = time.monotonic()
    with subprocess.Popen(
        words, stdout=subprocess.DEVNULL, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}
    ) as child:
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
    return time.monotonic() - began, usage.ru_maxrss / 1024, child.returncode


def run(run_dir: Path, samples: int) -> int:
    writer = multiprocessing.Process(target=write, args=(run_dir, samples))  # a child is charged what its parent holds
    writer.start()
    writer.join()
    with (folder_of(run_dir) / "observations.jsonl").open("rb") as lines:
        count = sum(1 for _ in lines)
    size = sum(path.stat().st_size for path in run_dir.rglob("*") if path.is_file()) / 2**20
    print(f"{samples:,} samples and {count:,} observations, {size:.0f} MB")
    total_s, peak_mb, done = 0.0, 0.0, True
    for verb in ("judge", "report"):
        main = "import sys; from harness.cli.main import main; sys.exit(main())"
        wall_s, mb, code = measure([sys.executable, "-P", "-c", main, verb, str(run_dir)])
        print(f"{verb:7s} {wall_s:6.2f} s {mb:6.0f} MB  exit {code}")
        total_s, peak_mb, done = total_s + wall_s, max(peak_mb, mb), done and code == 0
    print(f"both    {total_s:6.2f} s {peak_mb:6.0f} MB  goal {TIME_S:g} s, {MEMORY_MB:g} MB")
    if not done:
        return 2
    return 0 if total_s <= TIME_S and peak_mb <= MEMORY_MB else 1


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--samples", type=int, default=3_600_000)
    parser.add_argument("--keep", type=Path, help="write the run here and leave it")
    asked = parser.parse_args()
    if asked.keep:
        return run(asked.keep, asked.samples)
    with tempfile.TemporaryDirectory(prefix="big-record-") as folder:
        return run(Path(folder), asked.samples)


if __name__ == "__main__":
    sys.exit(main())
