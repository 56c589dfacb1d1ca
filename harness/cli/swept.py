"""Trials of several configurations in one directory: held by one process, begun once, gone on with after a cut."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from harness.campaign import Run, run_campaign
from harness.cli.guarded import conduct
from harness.cli.live import Quiet
from harness.cli.results import read_judged, show_so_far, write_reports
from harness.errors import Interrupted, MachineError, UsageError
from harness.ledger import Ledger
from harness.plan_sweep import SweepPlan
from harness.record import put_aside, read_manifest, read_trial, trial_folder
from harness.system.process import Spawner
from reports.plain import plain
from reports.view import RunView


def left_s(run: Run) -> float:
    """What is left to do, as estimated."""
    return sum(trial.estimate_s for trial in run.trials if trial.slug not in run.finished)


def conduct_swept(
    run: Run,
    ledger: Ledger,
    watcher: Quiet,
    junit: Path | None,
    as_json: bool,
    again: str,
    notes: Sequence[str] = (),
) -> None:
    """Conduct what is left of the plan; `again` is what to type after an interruption, `notes` are told first."""
    with watcher:
        target = run.target
        watcher.say(f"target {target.name} ({target.source}), seed {run.seed}, about {left_s(run):.0f} s")
        for note in notes:
            watcher.say(note)
        if run.finished:
            watcher.say(f"{len(run.finished)} of {len(run.trials)} trials are there already")
        for name, why in run.not_applicable:
            watcher.say(f"{name} does not apply: {why}")
        failure, interrupted = conduct(lambda: run_campaign(run, Spawner(ledger), watcher), ledger)
    if interrupted:
        more = f" To go on: {again}" if again else ""
        raise Interrupted(f"interrupted; the record so far is in {run.run_dir}.{more}", interrupted)
    if failure is not None:
        show_so_far(run.run_dir, watcher.verdicts, junit, as_json)
        raise failure


def conduct_search(
    run: Run, ledger: Ledger, watcher: Quiet, as_json: bool, tell: Callable[[RunView, bool], int]
) -> int:
    """Conduct trials that follow from one another, and show what they say."""
    with held(run.run_dir):
        conduct_swept(run, ledger, watcher, None, as_json, "")
        judged = read_judged(run.run_dir)
        write_reports(judged, None)
        return tell(judged, as_json)


def finished_trials(run_dir: Path, planned: SweepPlan) -> frozenset[str]:
    """The trials whose record is whole. One that was cut is put aside, and run again under its own name."""
    _check_same(run_dir, planned)
    finished = set()
    for trial in planned.plan.trials:
        folder = trial_folder(run_dir, trial.slug)
        if not folder.exists():
            continue
        if (folder / "trial.json").exists() and read_trial(folder).whole:
            finished.add(trial.slug)
            continue
        put_aside(run_dir, trial.slug, "cut")
    return frozenset(finished)


def _check_same(run_dir: Path, planned: SweepPlan) -> None:
    """The plan of now must be that of then: another version of Shakedown may plan otherwise."""
    before: Any = read_manifest(run_dir).facts["plan"]
    now = [
        {"trial": trial.slug, "config": json.loads(json.dumps(plain(trial.config))), "seed": trial.seed}
        for trial in planned.plan.trials
    ]
    then = [{key: entry[key] for key in ("trial", "config", "seed")} for entry in before]
    if now != then:
        raise UsageError(f"The plan of the sweep in {run_dir} is not what this version plans; begin a new sweep.")


@contextlib.contextmanager
def held(run_dir: Path) -> Iterator[None]:
    """Nobody else works in the directory meanwhile; the lock ends with its holder."""
    try:
        fd = os.open(run_dir, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise MachineError(f"{run_dir} cannot be opened: {error.strerror}.") from error
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(fd)
        raise UsageError(f"The sweep in {run_dir} is still running.") from None
    try:
        yield
    finally:
        os.close(fd)
