"""Each verdict has an app that it must catch, and a healthy app that it must let be: through the real command.

The cases are in tests/bad_cases.py, the apps in tests/bad_apps. Those that are `tested` are run here, with one for each
verdict among them; all of them are run by benchmarks/confusion.py.
"""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from bad_cases import APPS, CASES, Case
from parts_rig import bench

from harness.model.target import PostgresPart
from harness.parts.postgres import start_postgres

pytestmark = pytest.mark.real

ROOT = Path(__file__).parents[2]
RUN_S = 240.0
QUICK_S = 600.0
TRIES = 4
UNFIT = "machine was not fit"
# The scenario with as much of its baseline and of its outage as the limits and the least counts of the checks ask for;
# without an outage of the database the baseline is most of what is counted, and a dependency is needed by few requests:
# these take the whole of it. So does the healthy app, and benchmarks/confusion.py.
SHORT = """
from dataclasses import replace
from scenarios import SCENARIOS

WHOLE = next(each for each in SCENARIOS if each.name == "{name}")
FAULTS = [replace(each, for_s=min(each.for_s, 6.0)) if each.what == "postgres" else each for each in WHOLE.faults]
BASELINE_S = 4.0 if FAULTS and all(each.what == "postgres" for each in FAULTS) else WHOLE.baseline_s
SCENARIO = replace(WHOLE, baseline_s=BASELINE_S, faults=tuple(FAULTS))
"""
DEADLINE = ("--set", "slo.deadline_s=7")  # longer than a sound app ever waits; an outage that outlasts it is so shorter


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
        """The scenarios of which a verdict says that the machine was not fit."""
        return [t["scenario"] for t in self.document["trials"] if any(UNFIT in v["why"] for v in t["verdicts"])]

    def verdict(self, check: str) -> dict[str, Any]:
        return next(verdict for verdict in self.trial["verdicts"] if verdict["check"] == check)

    def told(self) -> str:
        """Every sentence, for a failing test."""
        trials = self.document.get("trials", [])
        lines = [f"{t['scenario']}: {v['verdict']} {v['check']}: {v['why']}" for t in trials for v in t["verdicts"]]
        return "\n".join([f"exit {self.code}", *lines, self.err[-2000:]])


def run(scenario: str, target: Path, out: Path, *more: str, env: Mapping[str, str] | None = None) -> Ended:
    """The command of a user, in a process of its own.

    A machine that others keep busy is not the app's fault, and a verdict says so: then a lone scenario is run again.
    """
    for number in range(TRIES):
        ended = run_once(scenario, target, out / str(number), *more, env=env)
        if len(ended.document["trials"]) != 1 or not ended.unfit:
            break
    return ended


def run_once(scenario: str, target: Path, out: Path, *more: str, env: Mapping[str, str] | None = None) -> Ended:
    words = [sys.executable, "-m", "harness.cli.main", "run", scenario, "--target", str(target), "--out", str(out)]
    words += ["--json", "--quiet", "--seed", "7", *more]
    limit_s = QUICK_S if scenario == "quick" else RUN_S
    ended = subprocess.run(
        words, cwd=ROOT, env={**os.environ, **(env or {})}, capture_output=True, text=True, timeout=limit_s, check=False
    )
    assert ended.stdout.count("\n") == 1, ended.stdout + ended.stderr
    return Ended(ended.returncode, json.loads(ended.stdout), ended.stderr)


def by_outcome(ended: Ended, outcome: str) -> set[str]:
    return {verdict["check"] for verdict in ended.trial["verdicts"] if verdict["verdict"] == outcome}


@pytest.mark.parametrize("case", [case for case in CASES if case.tested], ids=str)
def test_each_defect_is_caught_by_its_check_and_by_no_other(case: Case, tmp_path: Path) -> None:
    scenario = tmp_path / "short.py"
    scenario.write_text(SHORT.format(name=case.scenario))
    more = DEADLINE if case.scenario == "db-blackhole" else ()
    ended = run(str(scenario), case.target, tmp_path / "run", *case.options, *more)
    assert ended.trial["scenario"] == case.scenario
    assert by_outcome(ended, "fail") == set(case.fails), ended.told()
    assert by_outcome(ended, "inconclusive") == set(case.unjudged), ended.told()
    assert (ended.code, ended.document["verdict"]) == (1, "fail"), ended.told()
    shown = EVIDENCE.get(case.app)
    if shown is not None:
        shown(ended)


def names_the_blocking_call(ended: Ended) -> None:
    stuck = ended.verdict("no-stuck-workers")["evidence"]["stuck"]
    assert stuck
    for worker in stuck:
        assert worker["pid"] > 0
        assert "fetch_rate (blocking_call.py" in worker["stack"], worker


def shows_its_last_words(ended: Ended) -> None:
    verdict = ended.verdict("starts")
    assert "KeyError: 'MAIL_API_KEY'" in verdict["evidence"]["log_tail"]
    assert {item["why"] for item in ended.trial["not_applicable"]} == {"the service did not start"}


EVIDENCE = {"blocking_call": names_the_blocking_call, "never_starts": shows_its_last_words}


@pytest.mark.timeout(QUICK_S + 60)
def test_a_healthy_app_of_another_domain_passes_everything(tmp_path: Path) -> None:
    ended = run("quick", APPS / "bookings.toml", tmp_path / "run")
    assert len(ended.document["trials"]) == 8
    fit = [trial for trial in ended.document["trials"] if trial["scenario"] not in ended.unfit]
    assert {verdict["verdict"] for trial in fit for verdict in trial["verdicts"]} <= {"pass"}, ended.told()
    if not ended.unfit:
        assert (ended.code, ended.document["verdict"]) == (0, "pass"), ended.told()
    for scenario in ended.unfit:
        again = run(scenario, APPS / "bookings.toml", tmp_path / scenario)
        assert by_outcome(again, "pass") == {verdict["check"] for verdict in again.trial["verdicts"]}, again.told()
        assert (again.code, again.document["verdict"]) == (0, "pass"), again.told()


def test_a_fault_that_the_app_goes_around_proves_nothing(tmp_path: Path) -> None:
    """The app is given the address of the real database, as a forgotten setting does it."""

    async def beside_a_database() -> Ended:
        async with bench() as b:
            server = await start_postgres(PostgresPart("postgres"), b.spawner, b.ports, b.folder)
            assert server.cluster is not None
            login = server.cluster.login
            url = f"postgresql://{login.user}:{login.password}@{login.host}:{login.port}/{login.database}"
            real = {"PGHOST": login.host, "PGPORT": str(login.port)}
            more = ("--set", f"parts.postgres.url={url}")
            ended = await asyncio.to_thread(run, "db-refused", APPS / "bypass.toml", tmp_path / "run", *more, env=real)
            await server.stop()
            return ended

    ended = asyncio.run(beside_a_database())
    assert (ended.code, ended.document["verdict"]) == (2, "inconclusive"), ended.told()
    proven = ended.verdict("fault-proven")
    assert proven["verdict"] == "inconclusive"
    assert "the app reaches postgres around the proxy" in proven["why"]
    assert by_outcome(ended, "fail") == set(), ended.told()
