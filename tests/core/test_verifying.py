"""What a recommendation must survive, and what is taken back: on verdicts that are made here."""

from collections.abc import Callable, Mapping

import pytest

from harness.model.verdict import Outcome, TrialVerdict, Verdict, worst
from harness.tuning.verifying import RunScenario, Survived, Verified, next_scenario

Fails = Callable[[str, frozenset[str]], set[str]]
GRACE, POOL, WORKERS = "target.gunicorn.graceful_timeout", "target.env.POOL_SIZE", "target.workers"
KEYS = (WORKERS, POOL, GRACE)


def verdict(scenario: str, failed: set[str]) -> TrialVerdict:
    outcomes: list[Outcome] = ["fail"] * len(failed) or ["pass"]
    checks = tuple(Verdict(check, "fail", f"{check} was seen") for check in sorted(failed))
    return TrialVerdict(scenario, {}, (), worst(tuple(outcomes)), checks, ())


def verify(fails: Fails, scenarios: tuple[str, ...] = ("db-refused", "drain")) -> tuple[Survived, list[Verified]]:
    ran: list[Verified] = []
    kinds: Mapping[str, str] = {POOL: "pool"}
    while isinstance(step := next_scenario(KEYS, scenarios, ran, kinds), RunScenario):
        ran.append(Verified(step.scenario, step.without, verdict(step.scenario, fails(step.scenario, step.without))))
        assert len(ran) < 40
    return step, ran


def test_what_survives_is_left_alone() -> None:
    end, ran = verify(lambda scenario, without: set())
    assert end == Survived((), (), {"db-refused": "pass", "drain": "pass"})
    assert [each.scenario for each in ran] == ["db-refused", "drain"]


@pytest.mark.parametrize(
    ("key", "check"), [(GRACE, "graceful-shutdown"), (POOL, "pool-bounded"), (WORKERS, "readiness-flips")]
)
def test_the_setting_without_which_it_passes_is_withdrawn(key: str, check: str) -> None:
    end, ran = verify(lambda scenario, without: {check} if scenario == "drain" and key not in without else set())
    assert [(each.key, each.scenario, each.check) for each in end.taken_back] == [(key, "drain", check)]
    assert end.taken_back[0].why == f"{check} was seen"
    assert end.outcomes == {"db-refused": "pass", "drain": "pass"}
    # every scenario was run with what is left
    left = {each.scenario for each in ran if each.without == {key}}
    assert left == {"db-refused", "drain"}


def test_the_most_suspect_is_tried_first() -> None:
    _, ran = verify(
        lambda scenario, without: {"graceful-shutdown"} if scenario == "drain" and GRACE not in without else set()
    )
    tried = [each.without for each in ran if each.scenario == "drain"]
    assert tried == [frozenset(), frozenset(), frozenset(KEYS), frozenset({GRACE})]


def test_what_fails_with_the_present_settings_too_is_the_apps_own() -> None:
    end, _ = verify(lambda scenario, without: {"recovers"} if scenario == "db-refused" else set())
    assert end.taken_back == ()
    assert [(each.scenario, each.check) for each in end.own] == [("db-refused", "recovers")]
    assert end.outcomes["db-refused"] == "fail"


def test_an_own_failure_hides_no_new_one() -> None:
    def fails(scenario: str, without: frozenset[str]) -> set[str]:
        own = {"recovers"} if scenario == "drain" else set()
        return own | ({"graceful-shutdown"} if scenario == "drain" and GRACE not in without else set())

    end, _ = verify(fails)
    assert [each.key for each in end.taken_back] == [GRACE]
    assert [each.check for each in end.own] == ["recovers"]


def test_one_failure_of_two_decides_nothing() -> None:
    count = {"drain": 0}

    def fails(scenario: str, without: frozenset[str]) -> set[str]:
        count[scenario] = count.get(scenario, 0) + 1
        return {"error-budget"} if scenario == "drain" and count[scenario] == 1 else set()

    end, ran = verify(fails)
    assert end.taken_back == ()
    assert [each.scenario for each in ran] == ["db-refused", "drain", "drain"]


def test_settings_that_only_fail_together_all_go() -> None:
    def fails(scenario: str, without: frozenset[str]) -> set[str]:
        return {"pool-bounded"} if scenario == "drain" and len(without & {POOL, WORKERS}) < 2 else set()

    end, _ = verify(fails)
    assert {each.key for each in end.taken_back} == set(KEYS)


def test_without_a_change_a_failure_is_the_apps_own() -> None:
    ran: list[Verified] = []
    while isinstance(step := next_scenario((), ("drain",), ran), RunScenario):
        ran.append(Verified(step.scenario, step.without, verdict("drain", {"recovers"})))
    assert [each.check for each in step.own] == ["recovers"]
    assert len(ran) == 2
