"""What does the search of `tune` lose on real deployments, and how many trials does it take? Two grids of 16.

    .venv/bin/python -m benchmarks.tuning_regret [--app NAME] [--blocks 4] [--most N] [--state FILE] [--report]
    .venv/bin/python -m benchmarks.tuning_regret --app NAME --tune MINUTES

    shared_database   workers 1 to 4, pools of 1, 2, 4 or 8    the best lies inside, and each depends on the other
    wide_bulkhead     workers 1 to 4, limits of 2, 3, 4 or 6   more is better, as far as the workers go

Real: every configuration is measured once in each block, in random order, by the trials of `tune`: a fresh deployment
that climbs a staircase about what it held before, at first about what its arithmetic says. Handlers wait and do not
compute, so that the service and not the machine is the limit. Each result is kept in the state file as it comes;
`--most N` ends after N trials, with 2 while any is left; `--report` only prints what is there. `--tune` runs one real
`tune` of so many minutes without scenarios, and keeps its answer beside.

Drawn: many searches of the real code, from every configuration as the present one. Each trial takes one of the brackets
that were measured of its configuration in half of the blocks; what is chosen is judged by the other half. So scores and
their noise are real. What is not: the climb that the search would have adapted is computed from that bracket, and
trials of one search may be of different blocks, so that the drift within a search is that of a whole series.

The mean of the luckiest of 16 is lifted by noise, so the regret against it is too high; against the configuration that
was best in the other half it is too low. Both are told, with the interval that drawing the blocks again gives. Goal: at
most a third of the trials of the grid × 3, mean regret at most 2 %: met when both are, missed when neither is.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks.quick import commit
from benchmarks.series import keep_line, read_lines
from benchmarks.tuning_regret_drawn import Result, Tuned, cells, due, report
from harness.campaign import Run, make_run_dir, run_campaign
from harness.cli.guarded import conduct
from harness.cli.live import make_watcher
from harness.cli.tune_asked import Scope, ask
from harness.healing import heal
from harness.ledger import Ledger
from harness.model.target import Target
from harness.model.trial import PlannedTrial
from harness.plan_tune import plan_climb
from harness.record import read_trial, trial_folder
from harness.system.process import Spawner
from harness.tuning.asked import CLIMB, short
from harness.tuning.levers import Config
from harness.tuning.staircase import next_levels, read_stairs

ROOT = Path(__file__).resolve().parent.parent
APPS = ROOT / "tests" / "tuned_apps"
STATE = ROOT / "runs" / "benchmark-regret.jsonl"
SEED, WORKERS_MAX = 0, 4
_SPARE_S = 120.0


@dataclass(frozen=True, slots=True)
class Deployment:
    """`about` is the rate that its arithmetic lets it hold: where the first staircase of each configuration begins."""

    app: str
    about: Callable[[Config], float]


def shared_database(config: Config) -> float:
    workers, pool = config
    connections = workers * pool
    return min(workers / 0.008, connections / (0.02 * (1 + (connections / 8) ** 2)))


def wide_bulkhead(config: Config) -> float:
    workers, limit = config
    return workers * limit / 0.105


DEPLOYMENTS = (Deployment("shared_database", shared_database), Deployment("wide_bulkhead", wide_bulkhead))


def scope_of(app: str) -> Scope:
    return ask(APPS / f"{app}.toml", {}, WORKERS_MAX, ["none"], repeat=2, seed=SEED)


class Series:
    """The trials that are left, one after the other, each planned from those before it."""

    def __init__(
        self, deployment: Deployment, results: list[Result], blocks: int, most: int, run_dir: Path, state: Path
    ) -> None:
        self._deployment, self._scope = deployment, scope_of(deployment.app)
        self._results, self._blocks, self._most = results, blocks, most
        self._run_dir, self._state, self._commit = run_dir, state, commit()
        self._targets: dict[Config, Target] = {}

    @property
    def target(self) -> Target:
        return self._target(tuple(lever.before for lever in self._scope.asked.levers))

    def trials(self) -> Iterator[tuple[Target, PlannedTrial]]:
        grid = cells(self._scope.asked.levers)
        for index in range(1, self._most + 1):
            mine = [each for each in self._results if each.app == self._deployment.app]
            if (place := due(mine, grid, self._blocks, SEED)) is None:
                return
            block, config = place
            planned = self._plan(index, block, config, mine)
            began_s = time.monotonic()
            yield self._target(config), planned
            self._keep(planned, block, config, time.monotonic() - began_s)

    def _plan(self, index: int, block: int, config: Config, mine: Sequence[Result]) -> PlannedTrial:
        seen = [each.stairs for each in mine if each.config == config]
        levels = next_levels(seen, self._deployment.about(config))
        shown = {short(key): value for key, value in self._scope.values_of(config, ()).items()}
        return plan_climb(index, CLIMB, levels, self._target(config), config[0], shown, SEED, block)

    def _keep(self, planned: PlannedTrial, block: int, config: Config, took_s: float) -> None:
        stairs = read_stairs(read_trial(trial_folder(self._run_dir, planned.slug)))
        told = (stairs.low_rps, stairs.high_rps, stairs.limit)
        result = Result(self._deployment.app, block, config, *told, round(took_s, 1), self._commit)
        self._results.append(result)
        keep_line({"kind": "trial", **asdict(result)}, self._state)
        print(f"block {block}, {config}: {told[0]} to {told[1]} {told[2]} in {took_s:.0f} s", flush=True)

    def _target(self, config: Config) -> Target:
        """The same object for the same settings, so that trials share their parts; workers are the trial's own."""
        if config[1:] not in self._targets:
            self._targets[config[1:]] = self._scope.target_of(config, (), climbs=True)
        return self._targets[config[1:]]


def measure(deployment: Deployment, results: list[Result], blocks: int, most: int, state: Path) -> None:
    """Conduct what is left, at most so many, as `tune` conducts its own."""
    with tempfile.TemporaryDirectory(prefix="shakedown-regret-") as name:
        run_dir = make_run_dir(Path(name) / "run", "regret")
        series = Series(deployment, results, blocks, most, run_dir, state)
        target, ledger = series.target, Ledger.create()
        words = ["python", "-m", "benchmarks.tuning_regret", f"--app={deployment.app}"]
        run = Run(target, (), (), run_dir, SEED, words, search=series.trials)
        watcher = make_watcher(True, 0.0)
        try:
            failure, interrupted = conduct(lambda: run_campaign(run, Spawner(ledger), watcher), ledger)
        finally:
            heal(ledger.path)
    if interrupted:
        sys.exit(128 + interrupted)
    if failure is not None:
        raise SystemExit(str(failure))


def tune(app: str, minutes: float) -> Tuned:
    with tempfile.TemporaryDirectory(prefix="shakedown-regret-") as folder:
        words = ["tune", "--target", str(APPS / f"{app}.toml"), f"--workers-max={WORKERS_MAX}", "--verify=none"]
        words += [f"--minutes={minutes:g}", f"--out={folder}/run", "--json", "--quiet"]
        began_s = time.monotonic()
        command = [sys.executable, "-m", "harness.cli.main", *words]
        limit_s = minutes * 60 + _SPARE_S
        ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=limit_s, check=False)
        took_s = time.monotonic() - began_s
    try:
        said = json.loads(ended.stdout)
        values = {each["key"]: int(each["value"]) for each in said["settings"]}
        config = tuple(values[lever.key] for lever in scope_of(app).asked.levers)
        climbs = sum(each["scenario"] == CLIMB for each in said["trials"])
        told = (climbs, int(said["grid_trials"]), ended.returncode, round(took_s, 1), commit())
    except (ValueError, KeyError) as error:
        raise SystemExit(f"The tuning gave no answer: {(ended.stderr or ended.stdout).strip()[-400:]}") from error
    return Tuned(app, minutes, config, *told)


def read_state(path: Path) -> tuple[list[Result], list[Tuned]]:
    results: list[Result] = []
    tuned: list[Tuned] = []
    for line in read_lines(path):
        kind, fields = line.pop("kind"), {**line, "config": tuple(line["config"])}
        if kind == "trial":
            results.append(Result(**fields))
        else:
            tuned.append(Tuned(**fields))
    return results, tuned


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--app", choices=[each.app for each in DEPLOYMENTS])
    parser.add_argument("--blocks", type=int, default=4)
    parser.add_argument("--most", type=int, default=9999, help="so many trials, then end")
    parser.add_argument("--tune", type=float, metavar="MINUTES", help="run one real tune of the app")
    parser.add_argument("--state", type=Path, default=STATE)
    parser.add_argument("--report", action="store_true", help="only print what the state file holds")
    asked = parser.parse_args()
    wanted = [each for each in DEPLOYMENTS if asked.app in (None, each.app)]
    results, tuned = read_state(asked.state)
    if asked.tune:
        for each in wanted:
            tuned.append(tune(each.app, asked.tune))
            keep_line({"kind": "tune", **asdict(tuned[-1])}, asked.state)
    elif not asked.report:
        end = len(results) + asked.most
        for each in wanted:
            measure(each, results, asked.blocks, end - len(results), asked.state)
        if any(left(each, results, asked.blocks) for each in wanted):
            print(f"{len(results)} trials so far")
            return 2
    return told(wanted, results, tuned)


def left(deployment: Deployment, results: Sequence[Result], blocks: int) -> bool:
    mine = [each for each in results if each.app == deployment.app]
    return due(mine, cells(scope_of(deployment.app).asked.levers), blocks, SEED) is not None


def told(wanted: Sequence[Deployment], results: Sequence[Result], tuned: Sequence[Tuned]) -> int:
    """0 when all met the goals, 1 when one missed them, 2 when it cannot be said of one."""
    met = []
    for each in wanted:
        mine = [real for real in tuned if real.app == each.app]
        met.append(report(each.app, scope_of(each.app).asked.levers, results, mine))
    return 1 if False in met else 2 if None in met else 0


if __name__ == "__main__":
    sys.exit(main())
