"""A run directory is read, judged by the caller's judge, and shown, as far as it is whole."""

from __future__ import annotations

from pathlib import Path

import pytest
from made_run import failing_verdict, full_record

from harness.errors import UsageError
from harness.model.record import TrialRecord
from harness.model.verdict import TrialVerdict
from harness.record import TrialWriter, trial_folder, write_manifest
from reports.html.page import render
from reports.view import read_run

pytestmark = pytest.mark.real


def judge(record: TrialRecord) -> TrialVerdict:
    return failing_verdict()


@pytest.fixture
def run_dir(tmp_path: Path) -> Path:
    record = full_record()
    writer = TrialWriter(trial_folder(tmp_path, "01-db-refused"))
    writer.write_trial(record.trial)
    for seen in record.observations:
        writer.write(seen)
    writer.samples.write_bytes(record.samples.tobytes())
    writer.close()
    write_manifest(tmp_path, {"target": "reference.toml", "command": ["shakedown", "run", "db-refused"], "seed": 7})
    return tmp_path


def test_what_was_written_is_shown(run_dir: Path) -> None:
    run = read_run(run_dir, judge)
    assert run.target == "reference.toml"
    (trial,) = run.trials
    assert trial.folder == "trials/01-db-refused"
    assert [name for name, _ in trial.files] == ["observations.jsonl", "samples.rows", "trial.json"]
    page = render(run)
    assert "shakedown run db-refused" in page
    assert 'href="trials/01-db-refused/samples.rows"' in page
    assert "no samples" not in page


@pytest.mark.parametrize("share", [0.0, 0.2, 0.5, 0.9, 0.999])
def test_cut_files_are_shown_to_their_last_whole_row(run_dir: Path, share: float) -> None:
    folder = trial_folder(run_dir, "01-db-refused")
    for name in ("observations.jsonl", "samples.rows"):
        raw = (folder / name).read_bytes()
        (folder / name).write_bytes(raw[: int(len(raw) * share)])
    run = read_run(run_dir, judge)
    assert not run.trials[0].record.whole
    assert "The record is cut" in render(run)


def test_a_directory_that_is_no_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"no folder trials/"):
        read_run(tmp_path, judge)
