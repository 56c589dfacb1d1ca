"""A run as a report sees it: the facts of its manifest, and each trial's record with what was judged of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from harness.model.record import TrialRecord
from harness.model.verdict import SetAside, TrialVerdict
from harness.record import put_aside_folders, read_manifest, read_trial, trial_folders

NEVER_BEGUN = "Planned and never begun: the run ended before, or goes on."


@dataclass(frozen=True, slots=True)
class TrialView:
    """`folder` is the trial's folder within the run directory, `files` its raw files and their sizes in bytes."""

    record: TrialRecord
    verdict: TrialVerdict
    folder: str
    files: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True, slots=True)
class RunView:
    run_dir: str
    target: str
    facts: Mapping[str, object]
    trials: tuple[TrialView, ...]

    @property
    def verdicts(self) -> tuple[TrialVerdict, ...]:
        """Of all trials that were planned: what never began was not shown to hold."""
        return (*(trial.verdict for trial in self.trials), *self.missing)

    @property
    def missing(self) -> tuple[TrialVerdict, ...]:
        """The trials of the plan that did not begin, because the run ended before."""
        begun = {trial.folder.rsplit("/", 1)[-1] for trial in self.trials}
        plan = self.facts.get("plan")
        entries = [entry for entry in plan if isinstance(entry, Mapping)] if isinstance(plan, list) else []
        return tuple(_never_begun(entry) for entry in entries if entry.get("trial") not in begun)


def _never_begun(entry: Mapping[str, object]) -> TrialVerdict:
    config = entry.get("config")
    name = str(entry.get("scenario", ""))
    return TrialVerdict(name, config if isinstance(config, Mapping) else {}, (), "inconclusive", (), (), NEVER_BEGUN)


def _set_aside(run_dir: Path, folder: Path, judge: Callable[[TrialRecord], TrialVerdict]) -> SetAside:
    return SetAside(folder.relative_to(run_dir).as_posix(), judge(read_trial(folder)).why_open)


def view_trial(run_dir: Path, folder: Path, record: TrialRecord, verdict: TrialVerdict) -> TrialView:
    """A trial that was read and judged already."""
    files = tuple((path.name, path.stat().st_size) for path in sorted(folder.iterdir()) if path.is_file())
    return TrialView(record, verdict, folder.relative_to(run_dir).as_posix(), files)


def read_run(run_dir: Path, judge: Callable[[TrialRecord], TrialVerdict]) -> RunView:
    """The whole run from its directory. The judge is the caller's: a report does not judge."""
    folders = trial_folders(run_dir)  # a folder that is no run is told as that, not as a run without a manifest
    facts = read_manifest(run_dir).facts
    trials = []
    for folder in folders:
        record = read_trial(folder)
        verdict = judge(record)
        if before := put_aside_folders(run_dir, folder.name, "unfit"):
            verdict = replace(verdict, set_aside=tuple(_set_aside(run_dir, path, judge) for path in before))
        trials.append(view_trial(run_dir, folder, record, verdict))
    return RunView(str(run_dir), str(facts.get("target", "")), facts, tuple(trials))
