"""A real trial in which the harness itself stood still again and again has no verdict, and is run again."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from pathlib import Path

import psutil
import pytest
from ends_rig import Started

from harness.record import read_manifest, read_trial, trial_folder

pytestmark = pytest.mark.real

SLUG = "01-short"
# More than what the loop may lag, and too short for a guardian, a probe or a client to give anything up.
STANDS_S, GOES_S = 0.25, 0.15
LIMIT_S = 120.0


def has_said(started: Started, phase: str) -> bool:
    return any(line.endswith(f"    {phase}") for line in started.said)


def hold_up(started: Started) -> None:
    """Stop the harness for moments from the baseline on until the fault is lifted, which is more than a tenth of it."""
    pid = started.harness()
    started.wait(lambda: has_said(started, "baseline"), 60.0, "the baseline")
    end = time.monotonic() + LIMIT_S
    with contextlib.suppress(psutil.NoSuchProcess):
        process = psutil.Process(pid)
        while not has_said(started, "recovery") and time.monotonic() < end:
            process.send_signal(signal.SIGSTOP)
            try:
                time.sleep(STANDS_S)  # the length of the stop is what is done here
            finally:
                process.send_signal(signal.SIGCONT)
            time.sleep(GOES_S)


def test_a_trial_that_the_machine_spoilt_is_run_again(tmp_path: Path) -> None:
    started = Started(tmp_path / "held", "--json", "--reruns", "1")
    try:
        hold_up(started)
        code, out = started.end(LIMIT_S)
        started.assert_clean(10.0, time.monotonic(), "the run")
    finally:
        started.close()
    trials = started.document(out)["trials"]
    assert [trial["scenario"] for trial in trials] == ["short"], started.said
    (before,) = trials[0]["set_aside"]
    assert before["folder"] == f"unfit/{SLUG}.1"
    assert "The machine was not fit to judge" in before["why"], before
    first, second = read_trial(started.out / before["folder"]), read_trial(trial_folder(started.out, SLUG))
    assert first.whole
    assert second.whole
    assert first.trial.seed == second.trial.seed
    assert second.observations != first.observations
    said = [line for line in started.said if "not fit to judge short: run again" in line]
    assert len(said) == 1, started.said
    # The machine of a test may be unfit of itself, too; but a pass or a doubt there must be, for the app is sound.
    assert code in (0, 2), out
    plan = read_manifest(started.out).facts["plan"]
    assert isinstance(plan, list)
    assert [entry["trial"] for entry in plan] == [SLUG]
    assert os.listdir(started.out / "trials") == [SLUG]
