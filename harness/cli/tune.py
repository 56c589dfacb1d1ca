"""`shakedown tune`: the best configuration under the objectives, verified, with the settings to paste."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import click

from harness.campaign import Run, make_run_dir
from harness.cli.guarded import inherited_ledger, read_overrides
from harness.cli.live import Quiet, make_watcher
from harness.cli.options import JSON, OUT, QUIET, SEED, SET, TARGET, seed_or_random, target_path
from harness.cli.results import show_tuning
from harness.cli.sweep_asked import typed_settings
from harness.cli.swept import conduct_search
from harness.cli.tune_asked import NONE, Scope, ask, scenarios_s, tune_facts
from harness.cli.tune_time import Budget
from harness.model.record import TrialRecord
from harness.model.target import Target
from harness.model.trial import PlannedTrial
from harness.plan import plan_trial
from harness.plan_tune import plan_climb
from harness.record import read_trial, trial_folder
from harness.tuning.asked import CLIMB, PAIR, Seen, see, short
from harness.tuning.levers import Config
from harness.tuning.tuned import Climb, Next, Settings, Survive, Tuned, next_trial

_THOROUGH_MIN = 8.0


@click.command()
@TARGET
@SET
@click.option("--workers", type=int, help="Number of worker processes that there are now.")
@click.option("--workers-max", type=click.IntRange(1, 256), help="Most workers to try. [4, or twice the CPUs]")
@click.option(
    "--minutes", type=click.FloatRange(0.5, 600), default=20.0, show_default=True, help="Time for all of it, about."
)
@click.option(
    "--verify",
    "names",
    multiple=True,
    metavar="NAME",
    help=f"Scenario or suite that must be survived, or {NONE}. [what applies of five]",
)
@SEED
@OUT
@JSON
@QUIET
def tune(
    target_file: str | None,
    settings: tuple[str, ...],
    workers: int | None,
    workers_max: int | None,
    minutes: float,
    names: tuple[str, ...],
    seed: int | None,
    out: Path | None,
    as_json: bool,
    quiet: bool,
) -> int:
    """Search for the best configuration that holds the objectives of [slo], and prove that it survives trouble.

    Searches the number of workers, then every knob of [tune] in the target file: each trial is a fresh start under a
    staircase of rates, and the smallest value that is as good as the best within 3 % is taken. Then the scenarios are
    run with what is recommended; a setting that one of them does not survive is withdrawn. In the end recommended and
    present settings are measured in pairs. Exit codes: 0 a recommendation (it may be: leave it as it is), 1 the service
    does not start, 2 what this machine cannot tell.

    \b
    shakedown tune                                   the reference API, in about 20 minutes
    shakedown tune --target my.toml --workers-max 8
    shakedown tune --minutes 5 --verify drain        a quick look, one scenario to survive
    shakedown tune --set slo.p99_ms=100 --verify deploy
    """
    ledger = inherited_ledger("tune")
    overrides = read_overrides(settings, workers)
    path = target_path(target_file)
    used = seed_or_random(seed)
    scope = ask(path, overrides, workers_max, names, repeat=2, seed=used)
    run_dir = make_run_dir(out, "tune")
    sets = typed_settings({key: value for key, value in overrides.items() if key != "workers"})
    typed = [f"--workers={scope.asked.levers[0].before}", f"--workers-max={scope.asked.levers[0].values[-1]}"]
    typed += [f"--minutes={minutes:g}", *(f"--verify={name}" for name in names), f"--seed={used}"]
    watcher = make_watcher(quiet, minutes * 60)
    now = scope.target_of(tuple(lever.before for lever in scope.asked.levers), (), climbs=True)
    run = Run(
        target=now,
        trials=(),
        not_applicable=(),
        run_dir=run_dir,
        seed=used,
        command=["shakedown", "tune", f"--target={path}", *typed, *sets],
        more={"tune": tune_facts(scope.asked, minutes, now)},
        search=lambda: Tuning(scope, run_dir, watcher, minutes).trials(),
    )
    return conduct_search(run, ledger, watcher, as_json, show_tuning)


class Tuning:
    """Asks for one trial after the other, each from the records of those before it, while there is time."""

    def __init__(
        self,
        scope: Scope,
        run_dir: Path,
        watcher: Quiet,
        minutes: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._scope, self._run_dir, self._watcher, self._clock = scope, run_dir, watcher, clock
        self._budget = Budget(minutes * 60, scenarios_s(scope), thorough=minutes >= _THOROUGH_MIN, clock=clock)
        self._seen: list[Seen] = []
        self._targets: dict[tuple[Config, Settings, bool], Target] = {}

    def trials(self) -> Iterator[tuple[Target, PlannedTrial]]:
        self._watcher.say(self._budget.told)
        while not isinstance(step := self._next(), Tuned):
            planned = self._plan(step)
            self._watcher.say(f"{'verify' if isinstance(step, Survive) else 'measure'} {self._told(step)}")
            began_s = self._clock()
            yield self._target(step), planned
            took_s = self._clock() - began_s
            record = read_trial(trial_folder(self._run_dir, planned.slug))
            self._budget.spent(planned.scenario.name, took_s, _loaded_s(record))
            self._seen.append(see(record, self._watcher.verdicts[planned.slug], planned.block))
            tell = self._watcher.say if isinstance(step, Survive) else self._watcher.found
            tell(self._heard(step, self._seen[-1]))

    def _next(self) -> Next | Tuned:
        """Blocks of pairs come when all else is done, while there is time for one more."""
        asked, budget = self._scope.asked, self._budget
        step = next_trial(asked, self._seen, search=budget.may_search(), blocks=budget.blocks)
        if isinstance(step, Tuned) and budget.one_more():
            return next_trial(asked, self._seen, search=False, blocks=budget.blocks)
        return step

    def _plan(self, step: Next) -> PlannedTrial:
        index = len(self._seen) + 1
        shown = {short(key): value for key, value in self._scope.values_of(step.config, _more(step)).items()}
        workers = step.config[0]
        seed = self._scope.asked.seed
        if isinstance(step, Survive):
            scenario, target = self._scope.scenarios[step.scenario], self._target(step)
            planned = plan_trial(index, scenario, target, workers, {}, seed, step.block)
            return replace(planned, config={**planned.config, **shown, "workers": workers})
        name, block = (CLIMB, index - 1) if isinstance(step, Climb) else (PAIR, step.block)
        return plan_climb(index, name, step.levels, self._target(step), workers, shown, seed, block)

    def _target(self, step: Next) -> Target:
        """The same object for the same settings, so that trials share their parts; workers are the trial's own."""
        climbs, more = not isinstance(step, Survive), _more(step)
        key = (step.config[1:], more, climbs)
        if key not in self._targets:
            self._targets[key] = self._scope.target_of(step.config, more, climbs=climbs)
        return self._targets[key]

    def _told(self, step: Next) -> str:
        values = self._scope.values_of(step.config, _more(step))
        return ", ".join(f"{short(key)}={value}" for key, value in values.items())

    def _heard(self, step: Next, seen: Seen) -> str:
        if isinstance(step, Survive):
            return f"{step.scenario}: {seen.verdict.verdict}; {self._budget.left_told}"
        low, high, limit = seen.stairs.low_rps, seen.stairs.high_rps, seen.stairs.limit
        held = f"held {low:g}/s" if low is not None else "held nothing"
        broke = f", not {high:g}/s" if high is not None else ""
        return f"{self._told(step)} {held}{broke}{f' ({limit})' if limit else ''}; {self._budget.left_told}"


def _loaded_s(record: TrialRecord) -> float:
    """From the load's beginning to its drain, which is what a plan knows beforehand; 0 where it did not get so far."""
    load, drain = record.phase("warmup"), record.phase("drain")
    return (drain.start_ns - load.start_ns) / 1e9 if load and drain else 0.0


def _more(step: Next) -> Settings:
    return () if isinstance(step, Climb) else step.more
