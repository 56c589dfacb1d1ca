"""Does `tune` name the right lever? Deployments with a known best answer, and two where the honest answer is another.

    .venv/bin/python -m benchmarks.tuning_planted [--app NAME] [--minutes 5] [--repeat N] [--most N] [--state FILE]
        [--keep DIR] [--report]

    blocking      handlers sleep in time.sleep                         the lever is the number of workers
    small_pool    a database pool of one connection                    the lever is the size of the pool
    bulkhead      a bulkhead of one call before a dependency           the lever is its limit
    busy          pure computing on the generator's own CPUs           this machine cannot tell (exit 2)
    short_grace   a grace too short for the longest request            it scores as well, and is withdrawn

Each run is the real command, and is kept in the state file as it comes; `--most 1` runs one and ends, with 2 while any
is left. `--report` only prints what is there. Goal: each answer is the planted one, within the minutes that were given.
`busy` is planted for machines where the load generator has no CPU of its own: elsewhere it is left out.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
APPS = ROOT / "tests" / "tuned_apps"
_SPARE_S = 120.0
"""Beyond the minutes: a scenario that fails takes longer than was asked."""

Document = Mapping[str, Any]


def names(key: str) -> Callable[[Document], bool]:
    """The lever that moved the score most, and moved itself."""

    def found(said: Document) -> bool:
        first = said["levers"][0]["key"] if said["levers"] else ""
        return first == key and f"the lever is {short(key)}:" in said["why"]

    return found


def cannot_tell(said: Document) -> bool:
    return said["verdict"] == "inconclusive" and "this machine cannot tell" in said["why"]


def withdrew(key: str, check: str) -> Callable[[Document], bool]:
    def found(said: Document) -> bool:
        return any(each["setting"]["key"] == key and each["check"] == check for each in said["withdrawn"])

    return found


def short(key: str) -> str:
    return key.removeprefix("target.")


@dataclass(frozen=True, slots=True)
class Planted:
    """`workers_max`: where another lever is planted, few counts are tried, so that it fits into a few minutes."""

    app: str
    answer: str
    verify: str
    workers_max: int
    right: Callable[[Document], bool]


PLANTED = (
    Planted("blocking", "the lever is workers", "drain", 4, names("target.workers")),
    Planted("small_pool", "the lever is env.POOL_SIZE", "db-refused", 2, names("target.env.POOL_SIZE")),
    Planted("bulkhead", "the lever is env.PRICING_LIMIT", "drain", 2, names("target.env.PRICING_LIMIT")),
    Planted("busy", "this machine cannot tell", "none", 4, cannot_tell),
    Planted(
        "short_grace",
        "gunicorn.graceful_timeout=1 is withdrawn",
        "drain",
        1,
        withdrew("target.gunicorn.graceful_timeout", "graceful-shutdown"),
    ),
)


@dataclass(frozen=True, slots=True)
class Result:
    """One run: whether its answer was the planted one, and what it said."""

    app: str
    minutes: float
    right: bool
    took_s: float
    exit_code: int
    trials: int
    grid_trials: int
    said: str


def run(planted: Planted, minutes: float, keep: Path | None) -> Result:
    with tempfile.TemporaryDirectory(prefix="shakedown-planted-") as thrown_away:
        folder = thrown_away if keep is None else str(keep / f"{planted.app}-{time.time():.0f}")
        words = ["--target", str(APPS / f"{planted.app}.toml"), "--minutes", f"{minutes:g}", "--verify", planted.verify]
        words.append(f"--workers-max={planted.workers_max}")
        command = [str(ROOT / "shakedown"), "tune", *words, "--out", f"{folder}/run", "--json", "--quiet"]
        began_s = time.monotonic()
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=minutes * 60 + 2 * _SPARE_S)
        took_s = time.monotonic() - began_s
    try:
        said = json.loads(done.stdout)
        right = planted.right(said)
        told, trials, grid = str(said["why"]), int(said["trials_used"]), int(said["grid_trials"])
    except (ValueError, KeyError):
        right, told, trials, grid = False, (done.stderr or done.stdout).strip()[-400:], 0, 0
    return Result(planted.app, minutes, right, round(took_s, 1), done.returncode, trials, grid, told)


def read(state: Path) -> list[Result]:
    if not state.exists():
        return []
    return [Result(**json.loads(line)) for line in state.read_text("utf-8").splitlines()]


def report(results: Sequence[Result], wanted: Sequence[Planted]) -> int:
    """0 when every answer was the planted one, 1 when one was not, 2 when one is not there."""
    outcome = 0
    for planted in wanted:
        mine = [each for each in results if each.app == planted.app]
        right = sum(each.right for each in mine)
        took_s = max((each.took_s for each in mine), default=0.0)
        trials = ", ".join(f"{each.trials} trials for {each.grid_trials}" for each in mine)
        print(f"{planted.app:<12} {right} of {len(mine)} right, at most {took_s:.0f} s, {trials}: {planted.answer}")
        for each in mine:
            print(f"    {'right' if each.right else 'WRONG'}  exit {each.exit_code}  {each.said}")
        outcome = max(outcome, 2 if not mine else 0)
    wrong = any(not each.right for each in results if each.app in {planted.app for planted in wanted})
    return 1 if wrong else outcome


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--app", choices=[planted.app for planted in PLANTED])
    parser.add_argument("--minutes", type=float, default=5.0)
    parser.add_argument("--repeat", type=int, default=1)
    parser.add_argument("--most", type=int, default=999)
    parser.add_argument("--state", type=Path, default=ROOT / "runs" / "benchmark-planted.jsonl")
    parser.add_argument("--keep", type=Path, help="keep the run directories in this folder")
    parser.add_argument("--report", action="store_true")
    asked = parser.parse_args()
    shared = len(os.sched_getaffinity(0)) < 3
    wanted = [each for each in PLANTED if asked.app in (None, each.app) and (shared or each.app != "busy")]
    asked.state.parent.mkdir(parents=True, exist_ok=True)
    left = 0 if asked.report else asked.most
    for _ in range(asked.repeat):
        for planted in wanted:
            done = sum(each.app == planted.app for each in read(asked.state))
            if left <= 0 or done >= asked.repeat:
                continue
            left -= 1
            with asked.state.open("a", encoding="utf-8") as file:
                file.write(json.dumps(asdict(run(planted, asked.minutes, asked.keep))) + "\n")
    return report(read(asked.state), wanted)


if __name__ == "__main__":
    sys.exit(main())
