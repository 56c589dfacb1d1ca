"""`shakedown capacity`: the highest rate at which the service holds its objectives, as an interval."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import click

from harness.campaign import Run, make_run_dir
from harness.cli.guarded import inherited_ledger, read_overrides
from harness.cli.live import Quiet, make_watcher
from harness.cli.options import JSON, OUT, QUIET, SEED, SET, TARGET, WORKERS, seed_or_random, target_path
from harness.cli.results import show_search
from harness.cli.sweep_asked import typed_settings
from harness.cli.swept import conduct_search
from harness.errors import UsageError
from harness.model.target import Target
from harness.model.trial import PlannedTrial
from harness.plan_search import plan_rate, search_overrides
from harness.record import read_trial, trial_folder
from harness.target import load_target
from harness.tuning.capacity import Range, Tried, Try, next_step
from harness.tuning.holds import holds

_START_RPS = 50.0
_ABOUT_S = 240.0


@click.command()
@TARGET
@SET
@WORKERS
@click.option(
    "--start", "start_rps", type=click.FloatRange(1), default=_START_RPS, show_default=True, help="First rate, /s."
)
@click.option("--max", "max_rps", type=click.FloatRange(1), default=5000.0, show_default=True, help="Highest rate, /s.")
@click.option("--precision", type=click.FloatRange(1, 50), default=5.0, show_default=True, help="Width in percent.")
@SEED
@OUT
@JSON
@QUIET
def capacity(
    target_file: str | None,
    settings: tuple[str, ...],
    workers: int | None,
    start_rps: float,
    max_rps: float,
    precision: float,
    seed: int | None,
    out: Path | None,
    as_json: bool,
    quiet: bool,
) -> int:
    """Find the highest rate that holds the objectives of [slo], by search: an interval, confirmed at both ends.

    Rates double until one breaks, then the bracket is halved; near the edge trials are long, and each end is believed
    when two long trials of three agree. Exit codes: 0 an interval, 2 what this machine cannot tell.

    \b
    shakedown capacity --workers 2
    shakedown capacity --target my.toml --set slo.p99_ms=100 --precision 10
    """
    ledger = inherited_ledger("capacity")
    overrides = read_overrides(settings, workers)
    if start_rps > max_rps:
        raise UsageError(f"--start {start_rps:g} is above --max {max_rps:g}.")
    where = Range(start_rps=start_rps, max_rps=max_rps, precision=precision / 100)
    path = target_path(target_file)
    careful = search_overrides(load_target(path, overrides), where)
    target = load_target(path, {**careful, **overrides})
    used = seed_or_random(seed)
    run_dir = make_run_dir(out, "capacity")
    sets = typed_settings({key: value for key, value in overrides.items() if key != "workers"})
    typed = [f"--workers={target.workers}", f"--start={start_rps:g}", f"--max={max_rps:g}", f"--seed={used}"]
    watcher = make_watcher(quiet, _ABOUT_S)
    run = Run(
        target=target,
        trials=(),
        not_applicable=(),
        run_dir=run_dir,
        seed=used,
        command=["shakedown", "capacity", f"--target={path}", *typed, f"--precision={precision:g}", *sets],
        more={"search": asdict(where)},
        search=lambda: _search(run_dir, target, where, used, watcher),
    )
    return conduct_search(run, ledger, watcher, as_json, show_search)


def _search(
    run_dir: Path, target: Target, where: Range, seed: int, watcher: Quiet
) -> Iterator[tuple[Target, PlannedTrial]]:
    """Each trial follows from the records of those before it."""
    tried: list[Tried] = []
    while isinstance(step := next_step(tried, where), Try):
        planned = plan_rate(len(tried) + 1, step, target, seed)
        yield target, planned
        tried.append(holds(read_trial(trial_folder(run_dir, planned.slug))))
        watcher.found(_told(tried[-1]))


def _told(tried: Tried) -> str:
    word = {"held": "held", "broke": "broke", "invalid": "cannot be told"}[tried.result]
    length = "a long trial" if tried.long else "a short trial"
    return f"{tried.rate_rps:g}/s {word} in {length}{f': {tried.why}' if tried.why else ''}"
