"""A run as a user has it: the real command in a process of its own, and what it says at its end."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from beside import Run, alone

from harness.checks.check import BASELINE_STEADY, LOAD_PROVEN, MACHINE_FIT

ROOT = Path(__file__).parents[2]
RUN_S = 240.0
OF_THE_MACHINE = (MACHINE_FIT, BASELINE_STEADY, LOAD_PROVEN)
UNFIT = "machine was not fit"


@dataclass(frozen=True)
class Ended:
    """What the command said at its end."""

    code: int
    document: dict[str, Any]
    err: str

    @property
    def trial(self) -> dict[str, Any]:
        assert len(self.document["trials"]) == 1
        trial: dict[str, Any] = self.document["trials"][0]
        return trial

    @property
    def unfit(self) -> list[str]:
        """The scenarios of which a verdict is open for the machine's sake."""
        return [trial["scenario"] for trial in self.document["trials"] if any(map(is_unfit, trial["verdicts"]))]

    def verdict(self, check: str) -> dict[str, Any]:
        return next(verdict for verdict in self.trial["verdicts"] if verdict["check"] == check)

    def by_outcome(self, outcome: str) -> set[str]:
        return {verdict["check"] for verdict in self.trial["verdicts"] if verdict["verdict"] == outcome}

    def told(self) -> str:
        """Every sentence, for a failing test."""
        trials = self.document.get("trials", [])
        lines = [f"{t['scenario']}: {v['verdict']} {v['check']}: {v['why']}" for t in trials for v in t["verdicts"]]
        return "\n".join([f"exit {self.code}", *lines, self.err[-2000:]])


def is_unfit(told: Mapping[str, str]) -> bool:
    """Inconclusive for the machine's sake: a premise that watches it, or a finding that it may be the reason for."""
    return told["verdict"] == "inconclusive" and (told["check"] in OF_THE_MACHINE or UNFIT in told["why"])


def run_of(scenario: str, target: Path, out: Path, *more: str, env: Mapping[str, str] | None = None) -> Run[Ended]:
    """A machine that others keep busy is not the app's fault, and a verdict says so: then it is run again."""

    def once(number: int) -> Ended:
        return run_once(scenario, target, out / str(number), *more, env=env)

    return Run(once, lambda ended: bool(ended.unfit))


def run(scenario: str, target: Path, out: Path, *more: str, env: Mapping[str, str] | None = None) -> Ended:
    return alone(run_of(scenario, target, out, *more, env=env))


def run_once(scenarios: str, target: Path, out: Path, *more: str, env: Mapping[str, str] | None = None) -> Ended:
    words = [sys.executable, "-m", "harness.cli.main", "run", *scenarios.split(), "--target", str(target)]
    words += ["--out", str(out), "--json", "--quiet", "--seed", "7", "--reruns", "0", *more]
    ended = subprocess.run(
        words, cwd=ROOT, env={**os.environ, **(env or {})}, capture_output=True, text=True, timeout=RUN_S, check=False
    )
    assert ended.stdout.count("\n") == 1, ended.stdout + ended.stderr
    return Ended(ended.returncode, json.loads(ended.stdout), ended.stderr)
