"""Is a sweep that was killed finished as it was planned? Killed at random moments, each time resumed, and compared.

    .venv/bin/python -m benchmarks.sweep_killed [--moments 10] [--most N] [--state FILE] [--report]

Each moment is a sweep of its own: four short trials of a service without a database. Some time after its plan is there,
drawn from the whole length of a sweep, its harness is killed by SIGKILL, every other time its guardian first; what is
left then is healed, and `--resume` finishes it. Wanted: trial for trial the same plan; finished trials as they were, to
the byte and the nanosecond; every planned trial there, whole, once. Each result is kept in the state file as it comes;
`--most N` ends after N moments, with 2 while any is left.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "tests" / "shell")]

from ends_rig import Started  # noqa: E402

from benchmarks.quick import commit  # noqa: E402
from benchmarks.series import keep_line, read_lines  # noqa: E402
from harness.record import read_trial, trial_folders  # noqa: E402

STATE = ROOT / "runs" / "benchmark-sweep-killed.jsonl"
TRIALS = 4
LENGTH_S = 28.0  # of such a sweep from its plan to its end, on two cores
APP = """
async def app(scope, receive, send):
    if scope["type"] == "http":
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"0")]})
        await send({"type": "http.response.body"})
"""
TARGET = """
[target]
app = "tiny:app"
server = "uvicorn"
ready = "/health"

[load]
rate_rps = 20

[[load.requests]]
path = "/"
"""
SCENARIO = """
from harness.model.scenario import Scenario

SCENARIO = Scenario("brief", "Does it answer?", baseline_s=1)
"""


@dataclass(frozen=True, slots=True)
class Result:
    """One moment. `finished` trials were there when it was killed, `wrong` says what was not as it was planned."""

    moment: int
    commit: str
    killed: str
    after_s: float
    finished: int
    cut: int
    wrong: Sequence[str]


def run_one(moment: int) -> Result:
    rng = random.Random(f"sweep-killed/{moment}")
    both, after_s = bool(moment % 2), rng.uniform(0, LENGTH_S)
    with tempfile.TemporaryDirectory(prefix="sweep-killed-") as name:
        folder = Path(name)
        (folder / "tiny.py").write_text(APP)
        (folder / "shakedown.toml").write_text(TARGET)
        (folder / "brief.py").write_text(SCENARIO)
        words = ("sweep", str(folder / "brief.py"), "--target", str(folder / "shakedown.toml"))
        more = ("--vary", "workers=1,2", "--repeat", str(TRIALS // 2), "--seed", str(moment))
        started = Started(folder / "killed", *more, verb=words)
        try:
            return _killed(started, moment, both, after_s)
        finally:
            started.close()


def _killed(started: Started, moment: int, both: bool, after_s: float) -> Result:
    started.wait((started.out / "manifest.json").exists, 60.0, "the plan")
    time.sleep(after_s)
    harness, finished_itself = started.harness(), started.guardian.poll() is not None
    for pid in (started.guardian.pid, harness) if both else (harness,):
        if not finished_itself:
            os.kill(pid, signal.SIGKILL)
    started.end()
    started.heal()
    plan, before = _plan(started.out), {name: _contents(started.out, name) for name in _whole(started.out)}
    resumed = subprocess.run(
        [sys.executable, "-m", "harness.cli.main", "sweep", "--resume", str(started.out), "--json", "--quiet"],
        cwd=ROOT,
        env=started.env,
        capture_output=True,
        text=True,
        timeout=300,
    )
    aside = started.out / "cut"
    return Result(
        moment=moment,
        commit=commit(),
        killed="nothing, it had ended" if finished_itself else "guardian and harness" if both else "harness",
        after_s=round(after_s, 2),
        finished=len(before),
        cut=len(list(aside.iterdir())) if aside.is_dir() else 0,
        wrong=tuple(_wrong(started.out, plan, before, resumed)),
    )


def _wrong(
    run_dir: Path, plan: list[Any], before: dict[str, Any], resumed: subprocess.CompletedProcess[str]
) -> Iterator[str]:
    if resumed.returncode not in (0, 1, 2):
        yield f"resumed with exit {resumed.returncode}: {resumed.stderr[-300:]}"
        return
    planned = [entry["trial"] for entry in plan]
    if _plan(run_dir) != plan or len(planned) != TRIALS:
        yield "the plan is another"
    for name, was in before.items():
        if _contents(run_dir, name) != was:
            yield f"{name} was finished and is not as it was"
    there = sorted(path.name for path in (run_dir / "trials").iterdir())
    if there != sorted(planned):
        yield f"trials are {there}"
    if lost := sorted(set(planned) - set(_whole(run_dir))):
        yield f"not whole: {', '.join(lost)}"
    told = json.loads(resumed.stdout)["configurations"]
    if [len(each["verdicts"]) for each in told] != [TRIALS // 2] * 2:
        yield "the document has not each configuration's trials"


def _plan(run_dir: Path) -> list[Any]:
    plan: list[Any] = json.loads((run_dir / "manifest.json").read_bytes())["plan"]
    return plan


def _whole(run_dir: Path) -> list[str]:
    return [folder.name for folder in trial_folders(run_dir) if read_trial(folder).whole]


def _contents(run_dir: Path, trial: str) -> dict[str, tuple[int, bytes]]:
    files = [path for path in (run_dir / "trials" / trial).iterdir() if path.is_file()]
    return {path.name: (path.stat().st_mtime_ns, path.read_bytes()) for path in files}


def report(results: Sequence[Result], wanted: int) -> int:
    for each in results:
        what = f"{each.killed} killed {each.after_s:.1f} s after the plan, {each.finished} of {TRIALS} trials finished"
        print(f"moment {each.moment}: {what}, {each.cut} cut: {'; '.join(each.wrong) or 'finished as planned'}")
    wrong = sum(bool(each.wrong) for each in results)
    commits = ", ".join(sorted({each.commit for each in results}))
    print(f"{len(results)} of {wanted} moments, {wrong} wrong; commits: {commits}")
    return 1 if wrong else 2 if len(results) < wanted else 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--moments", type=int, default=10)
    parser.add_argument("--most", type=int, help="so many moments, then end")
    parser.add_argument("--state", type=Path, default=STATE)
    parser.add_argument("--report", action="store_true", help="only print what the state file holds")
    asked = parser.parse_args()
    results = [Result(**line) for line in read_lines(asked.state)]
    due = [] if asked.report else sorted(set(range(asked.moments)) - {each.moment for each in results})
    for moment in due[: asked.most]:
        results.append(run_one(moment))
        keep_line(asdict(results[-1]), asked.state)
    return report(results, asked.moments)


if __name__ == "__main__":
    sys.exit(main())
