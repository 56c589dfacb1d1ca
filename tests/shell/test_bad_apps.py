"""Each verdict has an app that it must catch, and a healthy app that it must let be: through the real command.

The cases are in tests/bad_cases.py, the apps in tests/bad_apps. Those that are `tested` are run here, with one for each
verdict among them; all of them are run by benchmarks/confusion.py.
"""

import asyncio
from collections.abc import Iterator, Mapping
from concurrent.futures import Future
from pathlib import Path

import pytest
from bad_cases import APPS, CASES, Case
from beside import Run, asked_for, beside
from parts_rig import bench
from run_rig import Ended, run, run_of

from harness.model.target import PostgresPart
from harness.parts.postgres import start_postgres
from harness.timeline import length_s
from scenarios import SCENARIOS, SUITES

pytestmark = [pytest.mark.real, pytest.mark.timeout(1200)]  # a test waits for the runs that are begun before its own

HEALTHY = APPS / "bookings.toml"
# The suite, two scenarios in each run; of those that go beside each other, the second ones begin together too.
QUICK = ("db-latency worker-killed", "db-refused drain", "dependency-slow worker-frozen", "db-blackhole baseline")
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

Runs = Mapping[str, Future[Ended]]


@pytest.fixture(scope="module")
def runs(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runs]:
    """The healthy app's and those of the cases, begun when the first of them is waited for."""

    def folder(name: str) -> Path:
        return tmp_path_factory.mktemp(name, numbered=True)

    wanted = {names: run_of(names, HEALTHY, folder("healthy")) for names in asked_for(request, "names")}
    cases = sorted(asked_for(request, "case"), key=kind)
    with beside(wanted | {str(case): run_of_case(case, folder(case.app)) for case in cases}) as begun:
        yield begun


def kind(case: Case) -> tuple[float, list[str]]:
    """Alike for those that are best beside each other: an end costs too, and these end at about the same time."""
    scenario = next(each for each in SCENARIOS if each.name == case.scenario)
    never_back_s = scenario.recovery_s if "recovers" in case.fails else 0.0
    return length_s(scenario) + never_back_s, [use.what for use in scenario.faults]


def run_of_case(case: Case, folder: Path) -> Run[Ended]:
    scenario = folder / "short.py"
    scenario.write_text(SHORT.format(name=case.scenario))
    more = DEADLINE if case.scenario == "db-blackhole" else ()
    return run_of(str(scenario), case.target, folder / "run", *case.options, *more)


@pytest.mark.parametrize("case", [case for case in CASES if case.tested], ids=str)
def test_each_defect_is_caught_by_its_check_and_by_no_other(case: Case, runs: Runs) -> None:
    ended = runs[str(case)].result()
    assert ended.trial["scenario"] == case.scenario
    assert ended.by_outcome("fail") == set(case.fails), ended.told()
    assert ended.by_outcome("inconclusive") == set(case.unjudged), ended.told()
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


@pytest.mark.parametrize("names", QUICK)
def test_a_healthy_app_of_another_domain_passes_everything(names: str, runs: Runs) -> None:
    ended = runs[names].result()
    assert [trial["scenario"] for trial in ended.document["trials"]] == names.split()
    assert {verdict["verdict"] for trial in ended.document["trials"] for verdict in trial["verdicts"]} == {"pass"}, (
        ended.told()
    )
    assert (ended.code, ended.document["verdict"]) == (0, "pass"), ended.told()


def test_the_healthy_app_meets_the_whole_suite() -> None:
    assert sorted(name for names in QUICK for name in names.split()) == sorted(SUITES["quick"])


def test_a_server_that_is_served_while_its_end_is_noticed_is_let_be(tmp_path: Path) -> None:
    """The twin of closes_at_once; the healthy app of the other tests is not asked for a delay."""
    ended = run("drain", APPS / "closes_at_once.toml", tmp_path / "run", "--set", "target.app=takes_leave:app")
    assert ended.verdict("drain-delay")["verdict"] == "pass", ended.told()
    assert ended.verdict("drain-delay")["evidence"]["requests"] >= 50
    assert ended.verdict("drain-delay")["evidence"]["new_connections"] >= 3
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
    assert ended.by_outcome("fail") == set(), ended.told()
