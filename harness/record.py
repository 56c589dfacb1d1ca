"""The run directory: the only place that knows its format.

    RUN/manifest.json                    schema_version, target, versions, host, plan, seed, command
    RUN/verdict.json                     what `run --json` prints
    RUN/report.html
    RUN/trials/NN-scenario/trial.json    the plan and the facts of the trial
                            observations.jsonl   one observation a line, in the order of writing
                            samples.rows         the load's rows, 56 bytes each (harness/model/rows.py)
                            server.log, …
    RUN/unfit/NN-scenario.1/             the first record of a trial that was run again, for the machine was not fit
    RUN/cut/NN-scenario.1/               the same of a sweep that was resumed, for the record was cut
    RUN/rows/ROW.json                    of an audit: what a row's experiment saw, in place of trials/
    RUN/logs/NAME.log                    of an audit: what the deployments said, without its secrets

Observations are appended as they come, so that a record that is cut is readable to its last whole line.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, TypeAdapter, ValidationError

from harness.errors import MachineError, UsageError
from harness.load.rows_file import read_rows
from harness.model.observation import LoadLines, Observation, TrialEnded
from harness.model.record import TrialRecord
from harness.model.request import flow_line
from harness.model.rows import no_rows
from harness.model.trial import Trial

SCHEMA_VERSION = 1

Aside = Literal["cut", "unfit"]

_observation: TypeAdapter[Observation] = TypeAdapter(Annotated[Observation, Field(discriminator="kind")])
_trial: TypeAdapter[Trial] = TypeAdapter(Trial)


class TrialWriter:
    """Writes one trial's folder. Only the conductor holds it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._lines = (folder / "observations.jsonl").open("ab", buffering=0)
        except OSError as error:
            raise MachineError(f"The record cannot be written to {folder}: {error.strerror}.") from error

    @property
    def samples(self) -> Path:
        return self.folder / "samples.rows"

    def write_trial(self, trial: Trial) -> None:
        body = {"schema_version": SCHEMA_VERSION, "trial": _trial.dump_python(trial, mode="json")}
        _write(self.folder / "trial.json", json.dumps(body, indent=1).encode())

    def write(self, observation: Observation) -> None:
        try:
            self._lines.write(_observation.dump_json(observation) + b"\n")
        except OSError as error:
            raise MachineError(f"The record cannot be written to {self.folder}: {error.strerror}.") from error

    def close(self) -> None:
        self._lines.close()


def _write(path: Path, body: bytes) -> None:
    """Whole or not at all: written beside, then renamed."""
    beside = path.with_name(path.name + ".part")
    try:
        beside.write_bytes(body)
        beside.rename(path)
    except OSError as error:
        raise MachineError(f"{path} cannot be written: {error.strerror}.") from error


def read_trial(folder: Path) -> TrialRecord:
    """A trial's record as far as it is whole."""
    try:
        head = json.loads((folder / "trial.json").read_bytes())
        if head.get("schema_version") != SCHEMA_VERSION:
            raise UsageError(f"{folder / 'trial.json'}: schema_version must be {SCHEMA_VERSION}.")
        trial = _trial.validate_python(head["trial"])
    except (OSError, ValueError, KeyError, AttributeError) as error:
        raise UsageError(f"{folder / 'trial.json'} is not a readable trial: {_first_line(error)}.") from error
    observations, cut = _read_observations(folder / "observations.jsonl")
    ended = next((seen for seen in reversed(observations) if isinstance(seen, TrialEnded)), None)
    samples = read_rows(folder / "samples.rows") if (folder / "samples.rows").exists() else no_rows()
    whole = not cut and ended is not None and ended.reason == "complete"
    return TrialRecord(_with_lines(trial, observations), tuple(observations), samples, whole)


def _with_lines(trial: Trial, observations: Sequence[Observation]) -> Trial:
    """The request lines of a flow are known only as they come. Nobody says what they need, so it is every part."""
    seen = [line for each in observations if isinstance(each, LoadLines) for line in each.lines]
    lines = tuple(flow_line(method, name, tuple(trial.part_kinds)) for method, name in seen)
    return replace(trial, requests=(*trial.requests, *lines)) if lines else trial


def _read_observations(path: Path) -> tuple[list[Observation], bool]:
    """The whole lines from the beginning up to the first that cannot be read, and whether there was one."""
    observations: list[Observation] = []
    try:
        with path.open("rb") as lines:
            for line in lines:
                if not line.endswith(b"\n"):
                    return observations, True
                observations.append(_observation.validate_json(line))
    except (FileNotFoundError, ValidationError):
        return observations, True
    except OSError as error:
        raise MachineError(f"The observations cannot be read from {path}: {error.strerror}.") from error
    return observations, False


def fields_of(observation: Observation) -> dict[str, Any]:
    """An observation as its line has it."""
    fields: dict[str, Any] = _observation.dump_python(observation, mode="json")
    return fields


@dataclass(frozen=True, slots=True)
class Manifest:
    """The facts of a run: `facts` is what `manifest.json` holds."""

    facts: Mapping[str, object]


def write_manifest(run_dir: Path, facts: Mapping[str, object]) -> None:
    body = {"schema_version": SCHEMA_VERSION, **facts}
    _write(run_dir / "manifest.json", json.dumps(body, indent=1, default=str).encode())


def read_manifest(run_dir: Path) -> Manifest:
    path = run_dir / "manifest.json"
    try:
        facts = json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise UsageError(f"{path} is not a readable manifest: {_first_line(error)}.") from error
    if not isinstance(facts, dict) or facts.get("schema_version") != SCHEMA_VERSION:
        raise UsageError(f"{path}: schema_version must be {SCHEMA_VERSION}.")
    return Manifest(facts)


def trial_folders(run_dir: Path) -> list[Path]:
    """The folders of the trials that began, in their order."""
    folder = run_dir / "trials"
    if not folder.is_dir():
        raise UsageError(f"{run_dir} is not a run directory: it has no folder trials/.")
    return [path for path in sorted(folder.iterdir()) if has_begun(path)]


def has_begun(folder: Path) -> bool:
    """Did a trial come so far that its folder can be read?"""
    return (folder / "trial.json").exists()


def trial_folder(run_dir: Path, slug: str) -> Path:
    return run_dir / "trials" / slug


def put_aside(run_dir: Path, slug: str, why: Aside) -> Path:
    """Move a trial's folder out of the way of the one that takes its name."""
    aside = run_dir / why
    to = aside / f"{slug}.{1 + len(put_aside_folders(run_dir, slug, why))}"
    try:
        aside.mkdir(mode=0o700, exist_ok=True)
        trial_folder(run_dir, slug).rename(to)
    except OSError as error:
        raise MachineError(f"The record of {slug} cannot be moved to {to}: {error.strerror}.") from error
    return to


def put_aside_folders(run_dir: Path, slug: str, why: Aside) -> list[Path]:
    """What was put aside of a trial, the first one first."""
    found = {path.suffix[1:]: path for path in (run_dir / why).glob("*") if path.stem == slug}
    return [found[number] for number in sorted(filter(str.isdecimal, found), key=int)]


def make_calibration_folder(run_dir: Path) -> Path:
    folder = run_dir / "calibration"
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder


def write_row(run_dir: Path, row: str, seen: object) -> None:
    """What an audit saw of one row: plain JSON values."""
    _write(run_dir / "rows" / f"{row}.json", json.dumps({"schema_version": SCHEMA_VERSION, "seen": seen}).encode())


def read_rows_seen(run_dir: Path) -> dict[str, object]:
    """Row to what was seen of it; a row that cannot be read has None."""
    folder = run_dir / "rows"
    if not folder.is_dir():
        raise UsageError(f"{run_dir} is not the directory of an audit: it has no folder rows/.")
    found: dict[str, object] = {}
    for path in sorted(folder.glob("*.json")):
        try:
            body = json.loads(path.read_bytes())
        except (OSError, ValueError):
            body = None
        whole = isinstance(body, dict) and body.get("schema_version") == SCHEMA_VERSION
        found[path.stem] = body.get("seen") if whole and isinstance(body, dict) else None
    return found


def is_audit(run_dir: Path) -> bool:
    return (run_dir / "rows").is_dir()


def write_log(run_dir: Path, name: str, text: str) -> None:
    """A log without secrets: the caller has taken them out."""
    (run_dir / "logs").mkdir(mode=0o700, exist_ok=True)
    _write(run_dir / "logs" / f"{name}.log", text.encode())


def write_verdict(run_dir: Path, body: Mapping[str, object]) -> None:
    _write(run_dir / "verdict.json", json.dumps(body, indent=1).encode() + b"\n")


def _first_line(error: Exception) -> str:
    return str(error).split("\n", 1)[0].rstrip(".")
