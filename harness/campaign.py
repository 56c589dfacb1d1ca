"""Runs the trials of a plan in their order, on one rig, into one run directory. It judges nothing either.

A trial whose record is written stays written: an error later does not take it back. An error of the machine ends the
campaign; what the app does wrong never does.
"""

from __future__ import annotations

import os
import platform
import secrets
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from itertools import chain
from pathlib import Path
from typing import Protocol, Self

from harness.calibration import calibrate
from harness.conductor import Listener, conduct
from harness.errors import HarnessError, MachineError, UsageError
from harness.load.generator import OURS_ALONE, Generator
from harness.model.observation import Observation
from harness.model.target import Target
from harness.model.trial import PlannedTrial
from harness.record import TrialWriter, has_begun, make_calibration_folder, trial_folder, write_manifest
from harness.rig import Rig
from harness.system.process import Spawner

_PACKAGES = ("fastapi", "starlette", "uvicorn", "uvicorn-worker", "gunicorn", "asyncpg", "locust", "numpy")


class Watcher(Listener, Protocol):
    """Who wants to see a campaign while it runs."""

    def say(self, text: str) -> None: ...
    def trial_began(self, planned: PlannedTrial, total: int) -> None: ...
    def trial_ended(self, planned: PlannedTrial, folder: Path) -> None: ...
    def phase(self, planned: PlannedTrial, phase: str, length_s: float) -> None: ...
    def seen(self, observation: Observation) -> None: ...


def make_run_dir(
    out: Path | None, name: str, now: Callable[[], datetime] = lambda: datetime.now(UTC), *, inner: str = "trials"
) -> Path:
    """`out` when it is new or empty, else `runs/<utc>-<name>-<id>`; with its folder for what is recorded."""
    run_dir = out if out is not None else Path("runs") / f"{now():%Y%m%dT%H%M%SZ}-{name}-{secrets.token_hex(3)}"
    try:
        if out is not None and out.exists():
            if not out.is_dir():
                raise UsageError(f"--out {out} is a file; it takes a directory that is new or empty.")
            if any(out.iterdir()):
                raise UsageError(f"--out {out} is not empty; it takes a directory that is new or empty.")
        run_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        run_dir.chmod(0o700)
        (run_dir / inner).mkdir(mode=0o700)
    except OSError as error:
        raise MachineError(f"The run directory {run_dir} cannot be made: {error.strerror}.") from error
    return run_dir.resolve()


@dataclass(frozen=True, slots=True)
class Run:
    """What a campaign is about: the plan and where it is written.

    `target_of` gives the target of a trial, where it is not the same for all. What is `finished` was conducted earlier,
    at `rate_rps`; `more` goes into the manifest. A `search` decides each trial when the one before has its record.
    `again` says, when every trial has its record, which of them are conducted once more.
    """

    target: Target
    trials: Sequence[PlannedTrial]
    not_applicable: Sequence[tuple[str, str]]
    run_dir: Path
    seed: int
    command: Sequence[str]
    generator: Generator = OURS_ALONE
    target_of: Callable[[PlannedTrial], Target] | None = None
    finished: frozenset[str] = frozenset()
    rate_rps: float | None = None
    more: Mapping[str, object] = field(default_factory=dict)
    search: Callable[[], Iterator[tuple[Target, PlannedTrial]]] | None = None
    again: Callable[[], Iterator[PlannedTrial]] | None = None

    def coming(self) -> Iterator[tuple[Target, PlannedTrial]]:
        """What is left to do, each with its target."""
        if self.search is not None:
            yield from self.search()
            return
        planned = (trial for trial in self.trials if trial.slug not in self.finished)
        for trial in chain(planned, self.again() if self.again else ()):
            yield (self.target_of(trial) if self.target_of else self.target), trial


async def run_campaign(run: Run, spawner: Spawner, watcher: Watcher) -> None:
    """Conduct every trial that is left. The manifest is there before the first one."""
    began = time.monotonic()
    facts, searched = _facts(run), list[PlannedTrial]()
    write_manifest(run.run_dir, facts)
    rate_rps = 0.0 if run.target.load.closed else run.rate_rps or run.target.load.rate_rps
    async with _Rigs(spawner, watcher, run.generator) as rigs:
        for target, planned in run.coming():
            rig = await rigs.of(target)
            if planned.rate_rps is None and rate_rps is None:
                rate_rps = await calibrate(rig, planned, make_calibration_folder(run.run_dir))
                watcher.say(f"load.rate_rps is not set: {rate_rps:g} requests/s, about half of what was reached")
            if run.search is not None:
                searched.append(planned)
                facts = {**facts, "plan": [_entry(trial) for trial in (*run.trials, *searched)]}
            facts = {**facts, "rate_rps": rate_rps}
            write_manifest(run.run_dir, facts)
            await _conduct(rig, planned, run, watcher, planned.rate_rps or rate_rps or 0.0)
    write_manifest(run.run_dir, {**facts, "wall_s": round(time.monotonic() - began, 1)})


class _Rigs:
    """The parts of one target at a time: consecutive trials of the same target share them."""

    def __init__(self, spawner: Spawner, watcher: Watcher, generator: Generator) -> None:
        self._spawner, self._watcher, self._generator = spawner, watcher, generator
        self._rig: Rig | None = None

    async def of(self, target: Target) -> Rig:
        if self._rig is None or self._rig.target is not target:
            await self._stop()
            rig = Rig(target, self._spawner, self._watcher.say, self._generator, apart=True)
            self._rig = await rig.__aenter__()
        return self._rig

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stop()

    async def _stop(self) -> None:
        if self._rig is not None:
            rig, self._rig = self._rig, None
            await rig.stop()


async def _conduct(rig: Rig, planned: PlannedTrial, run: Run, watcher: Watcher, rate_rps: float) -> None:
    watcher.trial_began(planned, len(run.trials))
    folder = trial_folder(run.run_dir, planned.slug)
    writer = TrialWriter(folder)
    try:
        await conduct(rig, planned, writer, watcher, rate_rps=rate_rps)
    except HarnessError:
        if has_begun(folder):  # else it did not come so far that it could be judged
            watcher.trial_ended(planned, folder)
        raise
    finally:
        writer.close()
    if not has_begun(folder):
        raise MachineError(f"The record of this trial is not there any more: {folder}.")
    watcher.trial_ended(planned, folder)


def run_facts(target: Target, command: Sequence[str]) -> dict[str, object]:
    """What a reader of any run wants to know of its making. Names of variables, never their values."""
    return {
        "began": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": list(command),
        "target": target.name,
        "target_file": target.source,
        "app": target.app,
        "server": target.server,
        "env_names": sorted([*target.env, *target.pass_env]),
        "versions": _versions(),
        "host": _host(),
    }


def _facts(run: Run) -> dict[str, object]:
    return {
        **run_facts(run.target, run.command),
        "seed": run.seed,
        "rate_rps": run.rate_rps or run.target.load.rate_rps,
        "plan": [_entry(planned) for planned in run.trials],
        "not_applicable": [{"scenario": name, "why": why} for name, why in run.not_applicable],
        **run.more,
    }


def _entry(planned: PlannedTrial) -> dict[str, object]:
    entry: dict[str, object] = {
        "trial": planned.slug,
        "scenario": planned.scenario.name,
        "workers": planned.workers,
        "config": dict(planned.config),
        "seed": planned.seed,
        "block": planned.block,
        "estimate_s": planned.estimate_s,
    }
    return entry if planned.rate_rps is None else {**entry, "rate_rps": planned.rate_rps}


def _versions() -> Mapping[str, str]:
    found = {"shakedown": version("fastapi-shakedown"), "python": platform.python_version()}
    return {**found, **{name: version(name) for name in _PACKAGES}}


def _host() -> Mapping[str, object]:
    return {
        "system": f"{platform.system()} {platform.release()}",
        "machine": platform.machine(),
        "cpus": len(os.sched_getaffinity(0)),
        "memory_mib": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**20,
        "byteorder": sys.byteorder,
    }
