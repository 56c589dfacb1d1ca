"""Which trials are run again: those without a verdict in which the machine was not fit for a while.

What keeps a machine busy, such as a neighbour on its host, mostly passes; so they come again when all others are done.
A trial that failed is never run again: its verdict stands.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from harness.checks.check import MACHINE_FIT
from harness.checks.facts.machine import unfit_spans
from harness.cli.live import Quiet
from harness.model.trial import PlannedTrial
from harness.model.verdict import TrialVerdict
from harness.record import put_aside, read_trial, trial_folder


def unfit_again(run_dir: Path, trials: Sequence[PlannedTrial], watcher: Quiet, reruns: int) -> Iterator[PlannedTrial]:
    """Each of those trials, at most `reruns` times. Its record is put aside, and kept, before it is given."""
    left = list(trials)
    for _ in range(reruns):
        left = [planned for planned in left if was_unfit(run_dir, planned, watcher.verdicts[planned.slug])]
        if not left:
            return
        watcher.run_again(left)
        for planned in left:
            put_aside(run_dir, planned.slug, "unfit")
            yield planned


def was_unfit(run_dir: Path, planned: PlannedTrial, told: TrialVerdict) -> bool:
    """No verdict was reached, and the machine is why or may be: it was not fit for a part of the trial."""
    if told.verdict != "inconclusive":
        return False
    if any(verdict.check == MACHINE_FIT and verdict.verdict != "pass" for verdict in told.verdicts):
        return True
    record = read_trial(trial_folder(run_dir, planned.slug))
    return bool(unfit_spans(record, record.trial.limits))
