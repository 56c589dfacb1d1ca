"""Each verdict has an app that it must catch, and a healthy app that it must let be: through the real command.

The apps and their target files are in tests/bad_apps. A bad app has one defect. The checks that fail for it are named
here, all of them and no other: where one defect deserves more than one, the case says why.
"""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from parts_rig import bench

from harness.model.target import PostgresPart
from harness.parts.postgres import start_postgres

pytestmark = pytest.mark.real

ROOT = Path(__file__).parents[2]
APPS = ROOT / "tests" / "bad_apps"
RUN_S = 240.0
QUICK_S = 600.0


@dataclass(frozen=True)
class Case:
    """`fails` and `unjudged` (inconclusive): each check that does not pass, with the reason why it deserves that."""

    app: str
    scenario: str
    fails: Mapping[str, str]
    unjudged: Mapping[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.app}-{self.scenario}"


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

    def verdict(self, check: str) -> dict[str, Any]:
        return next(verdict for verdict in self.trial["verdicts"] if verdict["check"] == check)

    def told(self) -> str:
        """Every sentence, for a failing test."""
        trials = self.document.get("trials", [])
        lines = [f"{t['scenario']}: {v['verdict']} {v['check']}: {v['why']}" for t in trials for v in t["verdicts"]]
        return "\n".join([f"exit {self.code}", *lines, self.err[-2000:]])


CASES = (
    Case(
        "static_readiness",
        "db-refused",
        {"readiness-flips": "the defect: it says yes while nothing can be served"},
    ),
    Case(
        "hanging_readiness",
        "db-blackhole",
        {"readiness-bounded": "the defect: a probe waits until the fault is lifted"},
    ),
    Case(
        "liveness_on_database",
        "db-refused",
        {"liveness-holds": "the defect: liveness fails as long as the database is away"},
    ),
    Case(
        "dead_pool",
        "db-refused",
        {"recovers": "the defect: after the outage every request fails"},
        {
            "error-budget": "errors of the recovery are those of `recovers`, which never saw the service come back",
            "latency-slo": "as the error budget: there are no requests after a recovery",
        },
    ),
    Case(
        "blocking_call",
        "dependency-slow",
        {
            "no-stuck-workers": "the defect: the worker does nothing else while it waits",
            "liveness-holds": "both workers are blocked, and three probes in a row meet that",
            "readiness-flips": "a blocked worker cannot say that it is ready, which needs no rates",
            "readiness-bounded": "nor can it answer in time",
            "latency-slo": "requests that need nothing wait for the blocked worker",
        },
    ),
    Case(
        "cut_on_shutdown",
        "drain",
        {"graceful-shutdown": "the defect: requests in flight are cut"},
    ),
    Case(
        "early_ack",
        "db-refused",
        {"nothing-lost": "the defect: batches that met the outage are gone"},
    ),
    Case(
        "early_ack",
        "drain",
        {"nothing-lost": "the defect: the last batch is never written"},
    ),
    Case(
        "no_timeouts",
        "db-blackhole",
        {"requests-bounded": "the defect: a request waits as long as the database is silent"},
    ),
    Case(
        "double_entry",
        "db-latency",
        {"no-duplicates": "the defect: what was stored, but not answered in time, is written again"},
    ),
    Case(
        "impatient_retries",
        "dependency-slow",
        {"retry-bounded": "the defect: ten calls at once for each request"},
    ),
    Case(
        "wide_pool",
        "db-latency",
        {"pool-bounded": "the defect: the pools ask for more sessions than there are"},
    ),
    Case(
        "never_starts",
        "baseline",
        {"starts": "the defect: the import fails"},
    ),
)


def run(scenario: str, target: Path, out: Path, *more: str, env: Mapping[str, str] | None = None) -> Ended:
    """The command of a user, in a process of its own."""
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


@pytest.mark.parametrize("case", CASES, ids=str)
def test_each_defect_is_caught_by_its_check_and_by_no_other(case: Case, tmp_path: Path) -> None:
    ended = run(case.scenario, APPS / f"{case.app}.toml", tmp_path / "run")
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
    outcomes = {verdict["verdict"] for trial in ended.document["trials"] for verdict in trial["verdicts"]}
    assert outcomes == {"pass"}, ended.told()
    assert (ended.code, ended.document["verdict"]) == (0, "pass"), ended.told()


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
