"""`shakedown run NAME…`: boot, break, measure, judge, report."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path

import click

from harness.campaign import Run, make_run_dir, run_campaign
from harness.cli.again import unfit_again
from harness.cli.chosen import check_faults, choose_scenarios, name_completions
from harness.cli.guarded import conduct, inherited_ledger, read_overrides
from harness.cli.live import make_watcher
from harness.cli.options import (
    DRY_RUN,
    JSON,
    JUNIT,
    OUT,
    QUIET,
    SEED,
    SET,
    TARGET,
    WORKERS,
    seed_or_random,
    target_path,
)
from harness.cli.planned import show_plan
from harness.cli.results import exit_code, read_judged, show, show_so_far, write_reports
from harness.errors import Interrupted, UsageError
from harness.faults import unable
from harness.load.generator import LOOPBACK, MAX_LOCAL, OURS_ALONE, WEB_PORT, Generator, read_bind
from harness.plan import Plan, plan
from harness.system.process import Spawner
from harness.target import load_target

_RERUNS = "Run a trial up to N times again, at the end, that the machine kept from a verdict."
_LOAD_WORKERS = "Locust workers of this machine, each with an engine that sends."
_BIND = "Let other machines join on this address of ours. Nothing asks them who they are: see docs/load.md."
_WEB = f"Show Locust's own page on this port ({WEB_PORT} if none is given)."


@click.command()
@click.argument("names", metavar="NAME…", nargs=-1, required=True, shell_complete=lambda *_: name_completions())
@TARGET
@click.option("--backend", type=click.Choice(["process"]), default="process", show_default=True, help="How it is run.")
@SET
@WORKERS
@click.option("--repeat", type=click.IntRange(1, 100), default=1, show_default=True, help="Run each scenario N times.")
@click.option("--reruns", type=click.IntRange(0, 5), default=1, show_default=True, help=_RERUNS)
@SEED
@OUT
@JUNIT
@JSON
@QUIET
@click.option("--load-workers", type=click.IntRange(1, MAX_LOCAL), default=1, show_default=True, help=_LOAD_WORKERS)
@click.option("--bind", metavar="ADDRESS[:PORT]", help=_BIND)
@click.option("--web", "web_port", type=click.IntRange(1, 65535), is_flag=False, flag_value=WEB_PORT, help=_WEB)
@DRY_RUN
def run(
    names: tuple[str, ...],
    target_file: str | None,
    backend: str,
    settings: tuple[str, ...],
    workers: int | None,
    repeat: int,
    reruns: int,
    seed: int | None,
    out: Path | None,
    junit: Path | None,
    as_json: bool,
    quiet: bool,
    load_workers: int,
    bind: str | None,
    web_port: int | None,
    dry_run: bool,
) -> int:
    """Run scenarios or suites: NAME is one of `shakedown list` or of the target file, or a Python file with a SCENARIO.

    \b
    shakedown run quick                                    the whole quick suite on the reference API
    shakedown run db-refused --target my.toml --workers 4  one scenario on your app
    shakedown run drain --set gunicorn.graceful_timeout=5  with another setting
    shakedown run nightly --dry-run                        what that is, and how long it takes
    """
    ledger = inherited_ledger("run")
    overrides = read_overrides(settings, workers)
    path = target_path(target_file)
    target = load_target(path, overrides)
    chosen = choose_scenarios(names, target)
    used_seed = seed_or_random(seed)
    planned = plan(
        chosen,
        target,
        workers=[target.workers],
        repeat=repeat,
        seed=used_seed,
        overrides=overrides,
        unable=unable(use for scenario in chosen for use in scenario.faults),
    )
    check_faults(planned, target)
    if not planned.trials:
        return _nothing_applies(planned, as_json)
    if dry_run:
        show_plan(planned, target.name, used_seed, as_json)
        return 0
    generator = _generator(load_workers, bind, web_port)
    if target.load.flow is not None and generator != OURS_ALONE:
        raise UsageError(
            "--load-workers, --bind and --web are for declared requests; a locustfile runs in one process."
        )
    run_dir = make_run_dir(out, "-".join(Path(name).stem for name in names)[:40])
    command = _command(names, path, planned, repeat, reruns, used_seed) + _generator_options(load_workers, bind)
    total_s = sum(trial.estimate_s for trial in planned.trials)
    watcher = make_watcher(quiet, total_s)
    facts = Run(
        target,
        planned.trials,
        planned.not_applicable,
        run_dir,
        used_seed,
        command,
        generator,
        again=lambda: unfit_again(run_dir, planned.trials, watcher, reruns),
    )
    with watcher:
        watcher.say(f"target {target.name} ({target.source}), seed {used_seed}, about {total_s:.0f} s")
        for name, why in planned.not_applicable:
            watcher.say(f"{name} does not apply: {why}")
        for line in _addresses(generator):
            watcher.say(line)
        failure, interrupted = conduct(lambda: run_campaign(facts, Spawner(ledger), watcher), ledger)
    if interrupted:
        raise Interrupted(f"interrupted; the record so far is in {run_dir}", interrupted)
    if failure is not None:
        show_so_far(run_dir, watcher.verdicts, junit, as_json)
        raise failure
    judged = read_judged(run_dir)
    write_reports(judged, junit)
    show(judged, as_json)
    return exit_code(judged)


def _command(names: Sequence[str], path: Path, planned: Plan, repeat: int, reruns: int, seed: int) -> list[str]:
    """What to type for the same run again; a value that may be a secret stands as the plan shows it."""
    config = planned.trials[0].config
    own = {key for trial in planned.trials for key in trial.scenario.settings}
    settings = [f"--set={key}={value}" for key, value in config.items() if key != "workers" and key not in own]
    workers = [f"--workers={config['workers']}"] if "workers" in config else []
    repeats = [f"--repeat={repeat}"] if repeat != 1 else []
    repeats += [f"--reruns={reruns}"] if reruns != 1 else []
    return ["shakedown", "run", *names, f"--target={path}", *workers, *settings, *repeats, f"--seed={seed}"]


def _generator(workers: int, bind: str | None, web_port: int | None) -> Generator:
    host, port = (LOOPBACK, 0) if bind is None else read_bind(bind)
    if web_port:
        read_bind(f"{host}:{web_port}")
    return Generator(workers, host, port, web_port or 0)


def _generator_options(workers: int, bind: str | None) -> list[str]:
    asked = [f"--load-workers={workers}"] if workers != 1 else []
    return asked + ([f"--bind={bind}"] if bind else [])


def _addresses(generator: Generator) -> list[str]:
    """What a person can do with a run that is open to them."""
    lines = []
    if generator.port:
        lines.append(f"other machines lend themselves by: shakedown join {generator.host}:{generator.port}")
    if generator.web_port:
        lines.append(f"Locust's page, while there is load: http://{generator.host}:{generator.web_port}/")
    return lines


def _nothing_applies(planned: Plan, as_json: bool) -> int:
    reasons = "; ".join(f"{name}: {why}" for name, why in planned.not_applicable)
    message = f"Nothing applies to this target, so nothing was shown. {reasons}"
    if as_json:
        print(json.dumps({"schema_version": 1, "error": {"kind": "inconclusive", "message": message}}))
    print(f"shakedown: {message}", file=sys.stderr)
    return 2
