"""A sweep that is killed goes on where it was: finished trials stay as they are, the cut one is run again."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from ends_rig import ROOT, Point, Started

pytestmark = pytest.mark.real

SCENARIO = """
from harness.model.scenario import Scenario

SCENARIO = Scenario(name="brief", asks="Does it answer?", baseline_s=1)
"""


def contents(folder: Path) -> dict[str, tuple[int, bytes]]:
    return {path.name: (path.stat().st_mtime_ns, path.read_bytes()) for path in folder.iterdir() if path.is_file()}


def plan_of(run_dir: Path) -> list[dict[str, Any]]:
    plan: list[dict[str, Any]] = json.loads((run_dir / "manifest.json").read_bytes())["plan"]
    return plan


def sweep(env: dict[str, str], *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "harness.cli.main", "sweep", *words]
    return subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=180)


def test_a_killed_sweep_is_finished_trial_for_trial(tmp_path: Path) -> None:
    scenario = tmp_path / "brief.py"
    scenario.write_text(SCENARIO)
    words = ("sweep", str(scenario), "--vary", "workers=1,2", "--repeat", "1", "--seed", "7")
    more = ("--set", "load.rate_rps=20")
    started = Started(tmp_path / "killed", *more, verb=words)
    try:
        started.reach(Point("[2/2]", 0.0))
        started.reach(Point("    warmup", 0.2))
        before = contents(started.out / "trials" / "01-brief")
        planned = plan_of(started.out)
        running = sweep(started.env, "--resume", str(started.out))
        assert (running.returncode, "still running" in running.stderr) == (64, True), running.stderr
        os.kill(started.harness(), signal.SIGKILL)
        assert started.end()[0] not in (0, 1)
    finally:
        started.close()
    other = sweep(started.env, "--resume", str(started.out), "--set", "workers=3")
    assert (other.returncode, "keeps its settings" in other.stderr) == (64, True), other.stderr

    again = sweep(started.env, "--resume", str(started.out), "--json")
    document = json.loads(again.stdout)
    assert again.returncode in (0, 1, 2), again.stderr
    assert plan_of(started.out) == planned
    assert contents(started.out / "trials" / "01-brief") == before
    assert [path.name for path in (started.out / "cut").iterdir()] == ["02-brief.1"]
    assert [trial["scenario"] for trial in document["trials"]] == ["brief", "brief"]
    assert [len(each["verdicts"]) for each in document["configurations"]] == [1, 1]
    assert {each["varied"]["workers"] for each in document["configurations"]} == {1, 2}
    assert (started.out / "report.html").exists()
    assert (started.out / "trials.html").exists()
