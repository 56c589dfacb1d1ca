"""Does the quick suite pass each time? Runs it N times on the reference API and counts every verdict.

    .venv/bin/python benchmarks/quick.py [--runs 10] [--burn] [--suite nightly] [--state FILE]

Any other suite is asked the same with `--suite`. `--burn` lets a process of ours burn one core beside it. Each result
is kept in the state file as it comes, so that an interrupted series goes on where it was. Goals: without a burner every
run exits 0, with one 0 or 2 and never 1; wall time at most 1.15 × the sum of the phases of the trials.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import statistics
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from harness.model.observation import PhaseBegan
from harness.record import read_trial, trial_folders

ROOT = Path(__file__).resolve().parent.parent
GOAL = 1.15
BURNER = "import os, sys\nwhile os.getppid() == int(sys.argv[1]):\n    sum(range(100_000))"


@dataclass(frozen=True, slots=True)
class Told:
    """A verdict that was not a pass."""

    scenario: str
    check: str
    verdict: str
    attributed_to: str
    why: str


@dataclass(frozen=True, slots=True)
class Result:
    """One run. `phases_s` is the sum of the phases of its trials, −1 where there is no record.

    `again`: what the machine kept from a verdict at first, with the reason.
    """

    commit: str
    run_dir: str
    exit_code: int
    verdict: str
    wall_s: float
    phases_s: float
    told: tuple[Told, ...]
    again: tuple[str, ...] = ()

    @property
    def ratio(self) -> float | None:
        return self.wall_s / self.phases_s if self.phases_s > 0 else None


def read_state(path: Path) -> list[Result]:
    """The results so far; a last line that was cut is left out."""
    if not path.exists():
        return []
    results = []
    for line in path.read_text("utf-8").splitlines():
        try:
            raw = json.loads(line)
        except ValueError:
            continue
        told, again = tuple(Told(**told) for told in raw["told"]), tuple(raw.get("again", ()))
        results.append(Result(**{**raw, "told": told, "again": again}))
    return results


def keep(path: Path, result: Result) -> None:
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(asdict(result)) + "\n")


@contextmanager
def burner(wanted: bool) -> Iterator[None]:
    """One core is burnt until this is left; the burner ends by itself when we die."""
    if not wanted:
        yield
        return
    process = subprocess.Popen([sys.executable, "-c", BURNER, str(os.getpid())])
    try:
        yield
    finally:
        process.kill()
        process.wait()


def run_once(suite: str, run_dir: Path, arguments: Sequence[str]) -> Result:
    command = [str(ROOT / "shakedown"), "run", suite, "--json", "--quiet", "--out", str(run_dir), *arguments]
    began = time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT)
    try:
        output, _ = process.communicate()
    except BaseException:
        process.terminate()
        process.wait()
        raise
    wall_s = time.monotonic() - began
    document = json.loads(output) if output.strip() else {}
    verdict = document.get("verdict") or document.get("error", {}).get("message", "none")
    told = tuple(
        Told(trial["scenario"], *(seen[key] for key in ("check", "verdict", "attributed_to", "why")))
        for trial in document.get("trials", [])
        for seen in trial["verdicts"]
        if seen["verdict"] != "pass"
    )
    again = tuple(
        f"{trial['scenario']}: {before['why']}"
        for trial in document.get("trials", [])
        for before in trial.get("set_aside", [])
    )
    return Result(commit(), str(run_dir), process.returncode, verdict, wall_s, phases_s(run_dir), told, again)


def phases_s(run_dir: Path) -> float:
    """From the first phase of each trial to its end, all trials together, also those that were run again."""
    if not (run_dir / "trials").is_dir():
        return -1.0
    total = 0.0
    for folder in [*trial_folders(run_dir), *(run_dir / "unfit").glob("*")]:
        record = read_trial(folder)
        began = [seen.sent_ns for seen in record.of(PhaseBegan)]
        total += (record.last_ns - min(began)) / 1e9 if began else 0.0
    return total or -1.0


def commit() -> str:
    """The code that ran, with a + where files differ from it."""
    asked = ["git", "-C", str(ROOT), "describe", "--always", "--dirty=+"]
    return subprocess.run(asked, capture_output=True, text=True, check=False).stdout.strip() or "unknown"


def new_folder(base: Path, number: int) -> Path:
    """One that is not there: an interrupted run has left its own."""
    names = (f"{number:02d}{suffix}" for suffix in ["", *(f"-{again}" for again in range(2, 100))])
    return next(base / name for name in names if not (base / name).exists())


def report(suite: str, results: Sequence[Result], burn: bool) -> bool:
    """Every count; whether the goals were met."""
    for number, result in enumerate(results, 1):
        ratio = f"{result.ratio:.3f}" if result.ratio else "unknown"
        print(f"{number:3}  exit {result.exit_code}  {result.verdict:<12}  {result.wall_s:6.1f} s  ratio {ratio}")
        for told in result.told:
            print(f"       {told.verdict} {told.scenario} {told.check} ({told.attributed_to}): {told.why}")
        for first in result.again:
            print(f"       run again, {first}")
    beside = "one core burnt beside it" if burn else "nothing of ours beside it"
    print(f"\n{len(results)} runs of {suite}, {beside}; commits: {', '.join(sorted({r.commit for r in results}))}")
    print(f"exit codes: {_counted(r.exit_code for r in results)}")
    print(f"verdicts: {_counted(r.verdict for r in results)}")
    by_reason = Counter((told.verdict, told.scenario, told.check) for r in results for told in r.told)
    for (verdict, scenario, check), count in by_reason.most_common():
        print(f"  {verdict} {scenario} {check}: {count}")
    walls = [result.wall_s for result in results]
    print(f"wall time: median {statistics.median(walls):.1f} s, {min(walls):.1f} to {max(walls):.1f} s")
    ratios = [result.ratio for result in results if result.ratio]
    allowed = {0, 2} if burn else {0}
    right = all(result.exit_code in allowed for result in results)
    swift = len(ratios) == len(results) and max(ratios) <= GOAL
    if ratios:
        print(f"wall ÷ phases: worst {max(ratios):.3f}; goal {GOAL:g}: {'met' if swift else 'missed'}")
    print(f"exit codes allowed are {sorted(allowed)}: {'met' if right else 'missed'}")
    return right and swift


def _counted(values: Iterator[object]) -> str:
    return ", ".join(f"{value}: {count}" for value, count in sorted(Counter(map(str, values)).items()))


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--runs", type=int, default=10)
    parser.add_argument("--suite", default="quick", help="quick by default")
    parser.add_argument("--burn", action="store_true", help="burn one core beside it")
    parser.add_argument("--state", type=Path, help="where results are kept; runs/benchmark-quick….jsonl by default")
    parser.add_argument("--report", action="store_true", help="only print what the state file holds")
    options, arguments = parser.parse_known_args()
    name = f"benchmark-{options.suite}{'-burn' if options.burn else ''}"
    state = options.state or ROOT / "runs" / f"{name}.jsonl"
    state.parent.mkdir(parents=True, exist_ok=True)
    base = state.with_suffix("")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    results = read_state(state)
    try:
        while len(results) < options.runs and not options.report:
            with burner(options.burn):
                result = run_once(options.suite, new_folder(base, len(results) + 1), arguments)
            if result.exit_code in (130, 143):
                break
            keep(state, result)
            results.append(result)
            print(f"{len(results)} of {options.runs}: exit {result.exit_code}, {result.wall_s:.1f} s", file=sys.stderr)
    except KeyboardInterrupt:
        print(f"interrupted; {len(results)} results are in {state}", file=sys.stderr)
        return 130
    if not results:
        print(f"no results yet in {state}")
        return 2
    met = report(options.suite, results, options.burn)
    if len(results) < options.runs:
        print(f"{len(results)} of {options.runs} runs so far")
        return 2
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
