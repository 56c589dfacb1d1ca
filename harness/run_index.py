"""What the kept runs of a folder measured, with an index beside them so that each is read once.

    RUNS/index.json      {"schema_version": 1, "sha256": …, "runs": {NAME: {"stamp": …, "trials": [...], …}}}

The run directories are the truth and the index is a cache: what it lacks, or holds of another state of the files, or as
other code judged it, is read and judged again, and one that is damaged is as good as none. It is written beside
and renamed, so that two who write at once each leave a whole one.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from harness.checks.judge import judge_trial
from harness.errors import HarnessError, UsageError
from harness.model.record import TrialRecord
from harness.record import is_audit, read_manifest, read_trial, trial_folders
from harness.tuning.comparison import Measured
from harness.tuning.history import Kept, LeftOut, Like
from harness.tuning.metrics import measure

INDEX = "index.json"
_SCHEMA_VERSION = 1
_STAMPED = ("trial.json", "observations.jsonl", "samples.rows")


@dataclass(frozen=True, slots=True)
class Indexed:
    """What one run holds for a history, of files that were as the stamp says."""

    stamp: str
    trials: tuple[Kept, ...]
    left_out: tuple[LeftOut, ...] = ()


_runs: TypeAdapter[dict[str, Indexed]] = TypeAdapter(dict[str, Indexed])


def read_kept(
    folder: Path, say: Callable[[str], None] = lambda text: None
) -> tuple[tuple[Kept, ...], tuple[LeftOut, ...]]:
    """The whole trials of all runs in the folder, and what of it is no such trial. `say` hears of what takes time."""
    before = _read(folder / INDEX)
    runs, others = _runs_in(folder)
    now, code = dict[str, Indexed](), _code()
    changed = [path for path in runs if before.get(path.name, _NONE).stamp != _stamp(path, code)]
    if changed:
        say(f"reading {len(changed)} of {len(runs)} runs")
    for path in runs:
        now[path.name] = _index(path, code) if path in changed else before[path.name]
    if now != before:
        _write(folder / INDEX, now, say)
    left_out = [each for run in now.values() for each in run.left_out]
    if others:
        left_out.append(LeftOut(others, "folder", "it holds no manifest.json, so it is no run"))
    return tuple(trial for run in now.values() for trial in run.trials), _summed(left_out)


_NONE = Indexed("", ())


def _runs_in(folder: Path) -> tuple[list[Path], int]:
    """Run directories in the order of their names, and how many folders are none."""
    try:
        folders = sorted(path for path in folder.iterdir() if path.is_dir())
    except OSError as error:
        raise UsageError(f"{folder} cannot be read: {error.strerror}; --runs takes the folder of the runs.") from error
    runs = [path for path in folders if os.path.exists(path / "manifest.json")]  # one that we may not enter has none
    return runs, len(folders) - len(runs)


def _code() -> str:
    """Changes whenever ours does: a clone that is brought up to date keeps its version."""
    here = Path(__file__).parent
    seen = [(str(path.relative_to(here)), path.stat()) for path in sorted(here.rglob("*.py"))]
    return repr([(name, stat.st_size, stat.st_mtime_ns) for name, stat in seen])


def _stamp(run: Path, code: str) -> str:
    """Changes whenever a file does that an entry is made of."""
    parts = [code]
    for path in [run / "manifest.json", *(each / name for each in _trials(run) for name in _STAMPED)]:
        with contextlib.suppress(OSError):
            seen = path.stat()
            parts.append(f"{path.parent.name}/{path.name} {seen.st_size} {seen.st_mtime_ns}")
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def _trials(run: Path) -> list[Path]:
    try:
        return trial_folders(run)
    except (UsageError, OSError):
        return []


def _index(run: Path, code: str) -> Indexed:
    stamp = _stamp(run, code)  # first: what is written meanwhile makes the entry stale, not wrong

    def none(why: str) -> Indexed:
        return Indexed(stamp, (), (LeftOut(1, "run", why),))

    try:
        facts: Mapping[str, Any] = read_manifest(run).facts
        if is_audit(run):
            return none("it is an audit, which puts no load on the service")
        if isinstance(facts.get("search"), dict):
            return none("it is a capacity search, whose trials each have a rate of their own")
        records = [_record(folder) for folder in trial_folders(run)]
        kept = tuple(_kept(run.name, facts, record) for record in records if record is not None)
    except (UsageError, OSError, KeyError, TypeError, AttributeError, IndexError, ValueError):
        return none("its manifest cannot be read, or lacks what it says of host, target or beginning")
    cut = len(records) - len(kept)
    why = "its record is not whole: it was cut, or is still being written"
    return Indexed(stamp, kept, (LeftOut(cut, "trial", why),) if cut else ())


def _record(folder: Path) -> TrialRecord | None:
    """None when it is not whole, or cannot be read."""
    try:
        record = read_trial(folder)
    except HarnessError:
        return None
    return record if record.whole else None


def _kept(run: str, facts: Mapping[str, Any], record: TrialRecord) -> Kept:
    trial, verdict = record.trial, judge_trial(record)
    measured = Measured(measure(record), verdict)
    rate = {} if trial.closed else {"rate_rps": trial.rate_rps}
    varied = {key: value for key, value in sorted(trial.config.items()) if key != "load.rate_rps"}
    config = {"server": trial.server, **rate, "workers": trial.workers, **varied}
    like = Like(
        target=f"{trial.target} ({Path(str(facts['target_file'])).name})",
        scenario=trial.scenario.name,
        config=tuple(config.items()),
        host=_host_class(facts["host"]),
        load=_load(record),
    )
    return Kept(run, str(facts["began"]), like, verdict.verdict, measured.sound, measured.values)


def _host_class(host: Mapping[str, Any]) -> str:
    """Machines that may stand in for each other: an update of the kernel makes no other machine."""
    system = str(host["system"]).split()[0]
    return f"{system} {host['machine']}, {host['cpus']} CPUs, {round(int(host['memory_mib']) / 1024)} GiB"


def _load(record: TrialRecord) -> str:
    """A digest of what was sent, and for how long nothing was broken."""
    trial = record.trial
    lines = () if trial.flow else trial.requests
    sent = (lines, trial.flow, trial.shape, trial.scenario.baseline_s, trial.timeout_s)
    return hashlib.sha256(repr(sent).encode()).hexdigest()[:6]


def _summed(left_out: list[LeftOut]) -> tuple[LeftOut, ...]:
    counts: dict[tuple[str, str], int] = {}
    for each in left_out:
        counts[each.what, each.why] = counts.get((each.what, each.why), 0) + each.count
    return tuple(LeftOut(count, what, why) for (what, why), count in counts.items())


def _read(path: Path) -> dict[str, Indexed]:
    try:
        body = json.loads(path.read_bytes())
        if body["schema_version"] != _SCHEMA_VERSION or body["sha256"] != _digest(body["runs"]):
            return {}
        return _runs.validate_python(body["runs"])
    except (OSError, ValueError, KeyError, TypeError, ValidationError):
        return {}


def _digest(runs: object) -> str:
    return hashlib.sha256(json.dumps(runs, sort_keys=True).encode()).hexdigest()


def _write(path: Path, runs: dict[str, Indexed], say: Callable[[str], None]) -> None:
    """Without an index all goes on, only slower."""
    body = json.loads(_runs.dump_json(runs))
    text = json.dumps({"schema_version": _SCHEMA_VERSION, "sha256": _digest(body), "runs": body})
    beside = path.with_name(f".{path.name}.{os.getpid()}-{secrets.token_hex(3)}")
    try:
        beside.write_text(text, "utf-8")
        beside.replace(path)
    except OSError as error:
        beside.unlink(missing_ok=True)
        say(f"the index {path} cannot be written ({error.strerror}); the runs are read again next time")
