# mypy: disallow-untyped-defs=False, disallow-incomplete-defs=False, disallow-untyped-calls=False
from pathlib import Path

import pytest

from harness.model.scenario import Scenario, fault
from harness.plan import plan
from harness.target import REFERENCE, load_target
from scenarios import SCENARIOS, SUITES

FULL = """
[target]
app = "a:b"
[parts.db]
kind = "postgres"
[parts.first]
kind = "http"
[parts.second]
kind = "http"
[[load.requests]]
path = "/x"
needs = ["second"]
"""

BASELINE = Scenario("baseline", "?")
REFUSED = Scenario("db-refused", "?", ("postgres",), faults=(fault("postgres.refuse", for_s=8),), ready="down")
SLOW = Scenario("slow", "?", ("http",), faults=(fault("dependency.slow", for_s=8, latency_ms=9),), ready="up")
FROZEN = Scenario(
    "frozen", "?", faults=(fault("worker.freeze", for_s=9),), min_workers=2, settings={"gunicorn.timeout": 4}
)


@pytest.fixture
def target_of(tmp_path: Path):
    def make(text=FULL, **overrides):
        (tmp_path / "shakedown.toml").write_text(text)
        return load_target(tmp_path / "shakedown.toml", {key.replace("__", "."): v for key, v in overrides.items()})

    return make


def planned(target, *scenarios, workers=(2,), repeat=1, seed=7, overrides=None):
    return plan(scenarios, target, workers=workers, repeat=repeat, seed=seed, overrides=overrides or {})


def test_repetitions_are_outside_then_workers_then_scenarios(target_of):
    trials = planned(target_of(), BASELINE, REFUSED, workers=(1, 2), repeat=2).trials
    assert [trial.slug for trial in trials][:3] == ["01-baseline", "02-db-refused", "03-baseline"]
    assert [trial.workers for trial in trials] == [1, 1, 2, 2, 1, 1, 2, 2]
    assert [trial.index for trial in trials] == list(range(1, 9))


def test_the_same_input_gives_the_same_plan_and_another_seed_another(target_of):
    target = target_of()
    assert planned(target, BASELINE, repeat=3) == planned(target, BASELINE, repeat=3)
    assert planned(target, BASELINE, seed=8).trials[0].seed != planned(target, BASELINE).trials[0].seed


def test_numbers_of_workers_that_are_compared_get_the_same_load_and_repetitions_another(target_of):
    trials = planned(target_of(), BASELINE, workers=(1, 2), repeat=2).trials
    assert trials[0].seed == trials[1].seed != trials[2].seed


def test_general_names_become_those_of_the_file(target_of):
    trials = planned(target_of(), REFUSED, SLOW, FROZEN).trials
    assert [trial.scenario.faults[0].id for trial in trials] == ["db.refuse", "second.slow", "worker.freeze"]


def test_the_first_http_part_is_the_dependency_when_no_request_needs_one(target_of):
    target = target_of(FULL.replace('["second"]', "[]"))
    assert planned(target, SLOW).trials[0].scenario.faults[0].id == "first.slow"


def test_what_does_not_apply_is_listed_once_with_its_reason(target_of):
    found = planned(target_of('[target]\napp = "a:b"\n'), BASELINE, REFUSED, SLOW, FROZEN, workers=(1,), repeat=2)
    assert [trial.scenario.name for trial in found.trials] == ["baseline", "baseline"]
    assert found.not_applicable == (
        ("db-refused", "it needs a part of kind postgres, and the target has none"),
        ("slow", "it needs a part of kind http, and the target has none"),
        ("frozen", "it needs 2 workers or more, and there is 1"),
    )


def test_a_fault_of_a_part_that_is_not_there_does_not_apply(target_of):
    found = planned(target_of(), Scenario("x", "?", faults=(fault("cache.refuse", for_s=1),)))
    assert found.trials == ()
    assert "cache" in found.not_applicable[0][1]


def test_what_would_last_is_not_set_in_a_database_of_the_user(target_of):
    scenario = Scenario("read-only", "?", ("postgres",), faults=(fault("postgres.read-only", for_s=1),))
    url = 'kind = "postgres"\nurl = "postgresql://u:p@h/d"'
    assert planned(target_of(FULL.replace('kind = "postgres"', url)), scenario).not_applicable == ()
    found = planned(target_of(FULL.replace('kind = "postgres"', f"{url}\nuse_existing = true")), scenario)
    why = "its fault postgres.read-only changes a setting of the database, and that of parts.db is yours"
    assert found.not_applicable == (("read-only", why),)


@pytest.mark.parametrize("name", ["freeze", "restart", "kill"])
def test_a_server_of_the_user_is_not_ended(target_of, name):
    scenario = Scenario("away", "?", ("postgres",), faults=(fault(f"postgres.{name}", for_s=1),))
    assert planned(target_of(), scenario).not_applicable == ()
    url = 'kind = "postgres"\nurl = "postgresql://u:p@h/d"'
    ((_, why),) = planned(target_of(FULL.replace('kind = "postgres"', url)), scenario).not_applicable
    assert why == f"its fault postgres.{name} ends or stops a whole server, and that of parts.db.url is yours"


def test_the_disk_of_a_server_of_the_user_is_not_filled(target_of):
    scenario = Scenario("full", "?", ("postgres",), faults=(fault("postgres.full-disk", for_s=1),))
    assert planned(target_of(), scenario).not_applicable == ()
    url = 'kind = "postgres"\nurl = "postgresql://u:p@h/d"'
    ((_, why),) = planned(target_of(FULL.replace('kind = "postgres"', url)), scenario).not_applicable
    assert (
        why == "its fault postgres.full-disk needs a disk of ours under the server, and that of parts.db.url is yours"
    )


def test_a_setup_is_run_twice_only_where_there_is_one_and_a_fresh_database(target_of):
    scenario = Scenario("twice", "?", ("postgres",), faults=(fault("server.migrate-twice"),))
    with_setup = FULL.replace('app = "a:b"', 'app = "a:b"\nsetup = ["true"]')
    used = 'kind = "postgres"\nurl = "postgresql://u:p@h/d"\nuse_existing = true'
    texts = (with_setup, FULL, with_setup.replace('kind = "postgres"', used))
    whys = [planned(target_of(text), scenario).not_applicable for text in texts]
    assert whys == [
        (),
        (("twice", "its fault server.migrate-twice runs the setup commands, and the target has none"),),
        (("twice", "its fault server.migrate-twice needs a fresh database, and parts.db has use_existing"),),
    ]


@pytest.mark.parametrize(("needs", "ready"), [('["db"]', "down"), ('["db", "second"]', "down"), ("[]", "any")])
def test_a_start_without_the_database_is_unready_only_where_readiness_needs_it(target_of, needs, ready):
    scenario = Scenario(
        "alone", "?", ("postgres",), faults=(fault("server.boot-without-postgres", for_s=16),), ready="down"
    )
    target = target_of(FULL.replace('app = "a:b"', f'app = "a:b"\nready_needs = {needs}'))
    assert planned(target, scenario).trials[0].scenario.ready == ready


def test_settings_of_a_scenario_are_in_the_config_and_the_users_hold_against_them(target_of):
    target = target_of()
    assert planned(target, FROZEN).trials[0].config == {"gunicorn.timeout": 4, "workers": 2}
    mine = planned(target, FROZEN, overrides={"target.gunicorn.timeout": 9}).trials[0]
    assert mine.config == {"gunicorn.timeout": 9, "workers": 2}


def test_settings_of_another_server_are_left_out(target_of):
    target = target_of(FULL.replace('app = "a:b"', 'app = "a:b"\nserver = "uvicorn"'))
    assert planned(target, FROZEN).trials[0].config == {"workers": 2}


def test_no_secret_comes_into_the_config(target_of):
    found = planned(
        target_of(), BASELINE, overrides={"target.env.TOKEN": "hunter2", "parts.db.url": "postgresql://u:p@h"}
    )
    assert found.trials[0].config == {"target.env.TOKEN": "(set)", "parts.db.url": "(set)", "workers": 2}


@pytest.mark.parametrize(
    ("needs", "refused", "slow"),
    [('["db"]', "down", "up"), ("[]", "up", "up"), ('["db", "second"]', "down", "any")],
)
def test_what_readiness_must_say_depends_on_what_it_needs(target_of, needs, refused, slow):
    target = target_of(FULL.replace('app = "a:b"', f'app = "a:b"\nready_needs = {needs}'))
    trials = planned(target, REFUSED, SLOW).trials
    assert [trial.scenario.ready for trial in trials] == [refused, slow]


def test_the_estimate_is_the_sum_of_the_trials(target_of):
    found = planned(target_of(), BASELINE, REFUSED)
    assert found.estimate_s == sum(trial.estimate_s for trial in found.trials) > 30


@pytest.mark.parametrize(("suite", "most_s"), [("quick", 300), ("nightly", 2100)])
def test_a_suite_takes_no_longer_on_the_reference_api_than_its_page_says(suite, most_s):
    """docs/nightly.md: a pipeline waits for `quick`, and `nightly` is to be over long before the morning."""
    chosen = [scenario for scenario in SCENARIOS if scenario.name in SUITES[suite]]
    found = planned(load_target(REFERENCE, {}), *chosen)
    assert len(found.trials) == len(SUITES[suite])
    assert found.estimate_s <= most_s


@pytest.mark.parametrize(
    ("server", "workers", "why"),
    [
        ("gunicorn-uvicorn", 1, None),
        ("uvicorn", 2, None),
        ("uvicorn", 1, "its fault server.sighup is not possible: uvicorn with one worker has no supervisor"),
    ],
)
def test_an_operation_needs_a_supervisor_that_knows_it(target_of, server, workers, why):
    target = target_of(FULL.replace('app = "a:b"', f'app = "a:b"\nserver = "{server}"'))
    reload = Scenario("reload", "?", faults=(fault("server.sighup"),))
    found = planned(target, reload, workers=(workers,)).not_applicable
    assert found == ((("reload", why),) if why else ())


@pytest.mark.parametrize(
    ("name", "server", "why"),
    [
        ("reload-broken", "gunicorn-uvicorn", None),
        ("reload-broken", "uvicorn", None),
        ("recycle", "gunicorn-uvicorn", None),
        ("recycle", "granian", "its fault server.recycle is not possible: granian knows no signal for it"),
        ("restart", "granian", None),
    ],
)
def test_what_else_a_supervisor_must_know(target_of, name, server, why):
    target = target_of(FULL.replace('app = "a:b"', f'app = "a:b"\nserver = "{server}"'))
    found = planned(target, Scenario("x", "?", faults=(fault(f"server.{name}"),))).not_applicable
    assert found == ((("x", why),) if why else ())


def test_what_this_machine_cannot_do_does_not_apply_with_the_reason(target_of):
    why = "the kernel does not let it"
    blocked = Scenario("blocked", "?", faults=(fault("worker.block-loop", for_s=9),))
    plans = [
        plan((blocked, FROZEN, REFUSED), target_of(), workers=(2,), repeat=1, seed=7, overrides={}, unable=unable)
        for unable in ({}, {"worker.block-loop": why}, {"link.refuse": why}, {"server.refuse": why})
    ]
    told = "its fault {} is not possible here: the kernel does not let it"
    assert [each.not_applicable for each in plans] == [
        (),
        (("blocked", told.format("worker.block-loop")),),
        (("db-refused", told.format("postgres.refuse")),),
        (),
    ]
