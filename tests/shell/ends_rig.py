"""A short trial through the real command, ended from outside at a chosen moment, and what is left of it.

The app is one that boots quickly: what a run leaves does not hang on it.

A run is looked at just before its end: all its processes, the ports on which they listen, its folders. Afterwards none
of them may be there, nor any process that bears a mark of it.
"""

import json
import os
import random
import select
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from harness.ledger import read_lines
from harness.system.proc import descendants, has_mark, is_same, read_stat
from harness.system.sockets import LISTEN, inodes_of, tcp_rows

ROOT = Path(__file__).parents[2]
TARGET = ROOT / "tests" / "bad_apps" / "bookings.toml"
SCENARIO = """
from harness.model.scenario import Scenario, fault

SCENARIO = Scenario(
    name="short",
    asks="Is anything left of it?",
    requires=("postgres",),
    baseline_s=1.5,
    faults=(fault("postgres.refuse", for_s=2),),
    ready="any",
    recovery_s=3,
)
"""
CLEAN_S = 10.0
# What the command says when a stretch of the run begins, and how long that lasts, as measured on 2 cores with nothing
# beside it. Some at a time take longer: a point then lies earlier in its stretch.
STRETCHES = {
    "": 0.8,
    "target ": 0.8,
    "starting db": 0.8,
    "starting rates": 0.8,
    "setup: ": 0.5,
    "[1/1]": 0.4,
    "    boot": 1.0,
    "    warmup": 3.2,
    "    baseline": 1.5,
    "    fault": 2.0,
    "    recovery": 3.0,
    "    drain": 1.2,
    "    end": 0.3,
}


@dataclass(frozen=True)
class Point:
    """So long after the command has said `after`."""

    after: str
    offset_s: float

    def __str__(self) -> str:
        return f"{self.after.strip() or 'start'}+{self.offset_s:.2f}s"


def points(count: int, seed: int) -> list[Point]:
    """Spread over all stretches: each is met before one is met again."""
    chance = random.Random(seed)
    stretches: list[str] = []
    while len(stretches) < count:
        stretches += chance.sample(list(STRETCHES), len(STRETCHES))
    return [Point(name, round(chance.uniform(0, STRETCHES[name]), 3)) for name in stretches[:count]]


@dataclass
class Seen:
    """Processes (pid and start time), listening sockets (inodes) and folders of a run."""

    processes: set[tuple[int, int]] = field(default_factory=set)
    sockets: set[int] = field(default_factory=set)
    folders: set[str] = field(default_factory=set)


class Started:
    """A run of the short trial, or what `verb` says. `said` are its lines so far."""

    def __init__(self, folder: Path, *more: str, verb: Sequence[str] = ()) -> None:
        folder.mkdir(parents=True)
        self.state, self.out = folder / "state", folder / "run"
        scenario = folder / "short.py"
        scenario.write_text(SCENARIO)
        self.env = {**os.environ, "SHAKEDOWN_STATE": str(self.state)}
        words = [sys.executable, "-m", "harness.cli.main", *(verb or ("run", str(scenario), "--reruns", "0"))]
        words += [] if "--target" in words else ["--target", str(TARGET)]
        words += ["--out", str(self.out), *more]
        pipe = subprocess.PIPE
        self.guardian = subprocess.Popen(
            words, cwd=ROOT, env=self.env, stdin=subprocess.DEVNULL, stdout=pipe, stderr=pipe
        )
        self.began = time.monotonic()
        self.said: list[str] = []
        self._listening = True
        self.seen = Seen()
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        assert self.guardian.stderr is not None
        rest = b""
        with self.guardian.stderr as stream:
            while self._listening:
                if not select.select([stream], [], [], 0.1)[0]:
                    continue
                if not (read := os.read(stream.fileno(), 65536)):
                    return
                *lines, rest = (rest + read).split(b"\n")
                self.said += [line.decode() for line in lines]

    def reach(self, point: Point) -> None:
        """Wait for the moment; a run that has ended meanwhile has gone through all of them."""
        wanted = f"shakedown: {point.after}"
        self.wait(lambda: not point.after or any(line.startswith(wanted) for line in self.said), 60.0, str(point))
        time.sleep(point.offset_s)  # the point itself

    def wait(self, holds: Callable[[], bool], within_s: float, what: str) -> None:
        end = time.monotonic() + within_s
        while not holds() and self.guardian.poll() is None:
            assert time.monotonic() < end, f"not within {within_s:g} s: {what}; said: {self.said}"
            time.sleep(0.01)

    def ledger(self) -> list[dict[str, object]]:
        paths = list(self.state.glob("*.ledger"))
        return read_lines(paths[0]) if paths else []

    def harness(self) -> int:
        """The pid of the harness; -1 when there is none any more."""

        def pid() -> int:
            found = [line["pid"] for line in self.ledger() if line.get("do") == "harness"]
            return found[0] if found and isinstance(found[0], int) else -1

        self.wait(lambda: pid() > 0, 60.0, "the harness began")
        return pid()

    def wait_ended(self, pid: int) -> None:
        """Wait until a process is no more, or a zombie."""
        end = time.monotonic() + CLEAN_S
        while (stat := read_stat(pid)) is not None and stat.alive:
            assert time.monotonic() < end, f"process {pid} does not end"
            time.sleep(0.01)

    def hang_up(self) -> None:
        """Close our end of its stderr, as `head` does when it has read enough."""
        self._listening = False
        self._reader.join(30)

    def look(self) -> None:
        """Take down what there is of it now."""
        alive = descendants(self.guardian.pid)
        stat = read_stat(self.guardian.pid)
        self.seen.processes = {(each.pid, each.start) for each in [*alive, *([stat] if stat else [])]}
        listening = {row.inode for row in tcp_rows() if row.state == LISTEN}
        self.seen.sockets = {inode for pid, _ in self.seen.processes for inode in inodes_of(pid)} & listening
        lines = self.ledger()
        self.seen.folders = {str(line["path"]) for line in lines if line.get("what") == "folder"}

    def left(self) -> list[str]:
        """What is left of it: what was seen before, and whatever bears a mark of this run."""
        found = [f"process {pid}" for pid, start in self.seen.processes if is_same(pid, start)]
        found += [f"port {row.local_port}" for row in tcp_rows() if row.inode and row.inode in self.seen.sockets]
        found += [f"folder {folder}" for folder in self.seen.folders if Path(folder).exists()]
        mark = f"SHAKEDOWN_STATE={self.state}".encode()
        tokens = [f"SHAKEDOWN_TOKEN={Path(folder).name.removeprefix('shakedown-')}".encode() for folder in self.folders]
        for pid in psutil.pids():
            stat = read_stat(pid)
            if stat is None or not stat.alive or pid == os.getpid():
                continue
            if any(has_mark(pid, each) for each in (mark, *tokens)) or self._names_us(pid):
                found.append(f"marked process {pid}")
        return found

    @property
    def folders(self) -> Sequence[str]:
        return sorted(self.seen.folders)

    def _names_us(self, pid: int) -> bool:
        """Its command line, or the folder that it is in, lies within this run's."""
        try:
            words = Path(f"/proc/{pid}/cmdline").read_bytes().decode("utf-8", "replace")
            inside = os.readlink(f"/proc/{pid}/cwd")
        except OSError:
            return False
        return any(name in words or inside.startswith(name) for name in (str(self.out.parent), *self.folders))

    def assert_clean(self, within_s: float, since: float, what: str) -> float:
        """Nothing is left so long after `since`; how long it took."""
        while left := self.left():
            assert time.monotonic() - since < within_s, f"{what}: after {within_s:g} s are left {left}"
            time.sleep(0.05)
        return time.monotonic() - since

    def heal(self) -> "subprocess.CompletedProcess[str]":
        words = [sys.executable, "-m", "harness.cli.main", "heal", "--json"]
        return subprocess.run(words, cwd=ROOT, env=self.env, capture_output=True, text=True, timeout=60, check=False)

    def document(self, out: str) -> dict[str, Any]:
        """stdout is one JSON document and nothing else."""
        assert out.count("\n") == 1, out
        told: dict[str, Any] = json.loads(out)
        return told

    def end(self, within_s: float = 60.0) -> tuple[int, str]:
        """Wait for its end; exit code and stdout."""
        code = self.guardian.wait(within_s)
        self._reader.join(30)
        out = self.guardian.stdout.read() if self.guardian.stdout and not self.guardian.stdout.closed else b""
        return code, out.decode()

    def close(self) -> None:
        """Leave nothing, whatever the test found: first what was seen, then by the run's own means."""
        if self.guardian.poll() is None:
            self.guardian.terminate()
            try:
                self.guardian.wait(30)
            except subprocess.TimeoutExpired:
                self.guardian.kill()
                self.guardian.wait(5)
        self.heal()
        if self.guardian.stdout:
            self.guardian.stdout.close()
        self.hang_up()
