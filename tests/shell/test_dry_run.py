"""`run --dry-run`: the plan as it would be run, and nothing else."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.real

ROOT = Path(__file__).parents[2]


def dry_run(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-P", "-m", "harness.cli.main", "run", *words, "--dry-run"]
    here = folder / "here"
    here.mkdir()
    env = {"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT), "HOME": str(folder)}
    return subprocess.run(command, cwd=here, env=env, capture_output=True, text=True, timeout=60)


def test_the_plan_is_told_with_its_time_and_nothing_is_written(tmp_path: Path) -> None:
    told = dry_run(tmp_path, "db-refused", "drain", "--repeat", "2", "--seed", "7", "--workers", "3")
    assert told.returncode == 0, told.stderr
    assert "4 trials, about " in told.stdout
    assert "postgres.refuse" in told.stdout
    assert "workers=3" in told.stdout
    assert list((tmp_path / "here").iterdir()) == []


def test_the_document_names_every_trial_and_what_does_not_apply(tmp_path: Path) -> None:
    told = dry_run(tmp_path, "worker-killed", "baseline", "--workers", "1", "--seed", "7", "--json")
    document: dict[str, Any] = json.loads(told.stdout)
    assert [trial["scenario"] for trial in document["plan"]] == ["baseline"]
    assert document["estimate_s"] == sum(trial["estimate_s"] for trial in document["plan"]) > 0
    assert document["seed"] == 7
    assert [entry["scenario"] for entry in document["not_applicable"]] == ["worker-killed"]
