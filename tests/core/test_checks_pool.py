"""pool-bounded, both ways: sessions and refusals against the database's own limit."""

from collections.abc import Callable

import pytest
from record_builder import BASELINE, BITE_S, REFUSED, Story, ns
from test_checks_premises import verdict_of

from harness.checks.judge import judge_trial
from harness.model.observation import DatabaseSampled
from harness.model.record import TrialRecord
from harness.model.scenario import Scenario, fault

NAME = "pool-bounded"
ROOM = 16


def counted(
    story: Story,
    sessions: Callable[[float], int] = lambda _: 10,
    refused: Callable[[float], int] = lambda _: 0,
    *,
    until_s: float = 60.0,
    reserve: int = 4,
) -> TrialRecord:
    looks = [
        DatabaseSampled("db", sessions(at_s), 1, 0, 20, ns(at_s), ns(at_s), reserve, refused(at_s))
        for at_s in range(3, round(min(until_s, story.drain_s)))
    ]
    return story.record(without=(DatabaseSampled,), plus=looks)


@pytest.mark.parametrize("scenario", [BASELINE, REFUSED])
def test_what_fits_passes(scenario: Scenario) -> None:
    verdict = verdict_of(counted(Story(scenario), lambda _: ROOM - 1), NAME)
    assert verdict.verdict == "pass", verdict.why
    assert verdict.evidence["room"] == ROOM


def test_all_of_it_taken_at_one_look_fails() -> None:
    verdict = verdict_of(counted(Story(REFUSED), lambda at_s: ROOM if at_s == 13 else 4), NAME)
    assert verdict.verdict == "fail"
    assert "room for 16 sessions" in verdict.why
    assert "one pool for each worker" in verdict.advice


def test_a_refusal_between_two_looks_fails() -> None:
    verdict = verdict_of(counted(Story(REFUSED), refused=lambda at_s: 3 if at_s > 12 else 1), NAME)
    assert verdict.verdict == "fail"
    assert verdict.evidence["refused"] == 2, "the first one came before the first look"


def test_a_server_whose_log_is_not_ours_is_judged_by_its_sessions() -> None:
    calm = verdict_of(counted(Story(REFUSED), refused=lambda _: -1), NAME)
    assert (calm.verdict, calm.evidence["refused"]) == ("pass", None)
    assert "not known" in calm.why
    assert verdict_of(counted(Story(REFUSED), lambda _: ROOM, refused=lambda _: -1), NAME).verdict == "fail"


def test_what_shows_only_while_the_machine_was_late_is_the_rigs() -> None:
    late = Story(REFUSED, machine=lambda at_s: {"control_ms": 900.0} if 12.0 <= at_s < 14.0 else {})
    verdict = verdict_of(counted(late, lambda at_s: ROOM if at_s == 13 else 4), NAME)
    assert (verdict.verdict, verdict.attributed_to) == ("inconclusive", "rig")


@pytest.mark.parametrize("until_s", [6.0, BITE_S - 1])
def test_few_looks_or_none_at_the_fault_show_nothing(until_s: float) -> None:
    assert verdict_of(counted(Story(REFUSED), until_s=until_s), NAME).verdict == "inconclusive"
    assert verdict_of(Story(REFUSED).record(without=(DatabaseSampled,)), NAME).verdict == "inconclusive"


def test_without_a_database_or_its_limit_or_where_the_fault_takes_all_it_does_not_apply() -> None:
    none = Story(REFUSED, trial_changes={"part_kinds": {"db": "http", "pricing": "http"}})
    taken = Story(Scenario("full", "Does it wait?", faults=(fault("postgres.exhaust", for_s=8),), ready="any"))
    older = counted(Story(REFUSED), reserve=-1)
    for record in (none.record(), taken.record(), older):
        assert NAME in {absent.check for absent in judge_trial(record).not_applicable}
