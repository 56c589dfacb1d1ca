"""retry-bounded, both ways, by the count of the stub and by the kernel's."""

from dataclasses import replace

import pytest
from record_builder import BASELINE, BITE_S, BLACKHOLE, KILLED, REFUSED, SLOW, Done, Story, ns
from test_checks_premises import verdict_of

from harness.checks.judge import judge_trial
from harness.model.observation import FaultChanged, PathSampled
from harness.model.record import TrialRecord
from harness.model.scenario import Scenario, fault

NAME = "retry-bounded"
RATE = 50
QUOTES_RPS = RATE / 8


def called(scenario: Scenario, each: float, *, usual: float = 1.0, until_s: float = 60.0) -> TrialRecord:
    """The stub's count each second: `usual` calls for a request when all is well, `each` while it is broken."""
    story = Story(scenario, request=lambda at_s, line: Done())
    looks = []
    for tenth in range(30, round(min(until_s, story.drain_s) * 10), 10):
        at_s = tenth / 10
        broken_s = min(max(at_s - BITE_S, 0.0), scenario.faults_end_s)
        calls = round(QUOTES_RPS * (usual * (at_s - 3.0 - broken_s) + each * broken_s))
        looks.append(PathSampled("pricing", calls, 0, ns(at_s), ns(at_s)))
    others = [PathSampled("db", 4, 0, ns(at_s), ns(at_s)) for at_s in (3.0, 6.0, 9.0)]
    return story.record(without=(PathSampled,), plus=(*looks, *others))


def attempted(record: TrialRecord, attempts: int | None) -> TrialRecord:
    told = {} if attempts is None else {"attempts": attempts}
    seen = tuple(
        replace(here, evidence=told) if isinstance(here, FaultChanged) and here.action == "lift" else here
        for here in record.observations
    )
    return replace(record, observations=seen)


def absent(record: TrialRecord) -> set[str]:
    return {item.check for item in judge_trial(record).not_applicable}


@pytest.mark.parametrize(("each", "usual", "outcome"), [(1, 1, "pass"), (4, 1, "pass"), (6, 1, "fail"), (6, 2, "pass")])
def test_calls_are_compared_with_those_of_the_baseline(each: float, usual: float, outcome: str) -> None:
    verdict = verdict_of(called(SLOW, each, usual=usual), NAME)
    assert verdict.verdict == outcome, verdict.why
    if outcome == "fail":
        assert "pricing got" in verdict.why
        assert "limit 4 × 1" in verdict.why
        assert "circuit breaker" in verdict.advice


@pytest.mark.parametrize(("told", "outcome"), [(40, "pass"), (20, "fail")])
def test_canaries_of_the_fault_itself_are_no_retries(told: int, outcome: str) -> None:
    """Beside 4 calls for each of the requests came some forty of ours."""
    record = called(SLOW, 4 + 36 / (QUOTES_RPS * SLOW.faults_end_s))
    seen = tuple(
        replace(here, evidence={"canaries": 3 if here.action == "apply" else told})
        if isinstance(here, FaultChanged) and here.action in ("apply", "prove")
        else here
        for here in record.observations
    )
    verdict = verdict_of(replace(record, observations=seen), NAME)
    assert verdict.verdict == outcome, verdict.why


def test_a_breaker_that_stops_calling_passes() -> None:
    assert verdict_of(called(SLOW, 0.1), NAME).verdict == "pass"


def test_what_is_cached_counts_as_one_call() -> None:
    assert verdict_of(called(SLOW, 1.0, usual=0.05), NAME).verdict == "pass"


def test_calls_that_were_not_counted_show_nothing() -> None:
    assert verdict_of(called(SLOW, 9.0, until_s=10.0), NAME).verdict == "inconclusive"
    assert verdict_of(called(SLOW, 9.0, until_s=4.0), NAME).verdict == "inconclusive"


def test_few_requests_show_nothing() -> None:
    thin = Story(SLOW, rate=5, request=lambda at_s, line: Done())
    looks = [PathSampled("pricing", second * 50, 0, ns(second), ns(second)) for second in range(3, 28)]
    assert verdict_of(thin.record(without=(PathSampled,), plus=looks), NAME).verdict == "inconclusive"


@pytest.mark.parametrize(("attempts", "outcome"), [(0, "pass"), (350, "pass"), (1000, "pass"), (1200, "fail")])
def test_attempts_at_a_refused_link_are_counted_for_each_request(attempts: int, outcome: str) -> None:
    verdict = verdict_of(attempted(Story(REFUSED).record(), attempts), NAME)
    assert verdict.verdict == outcome, verdict.why
    if outcome == "fail":
        assert "attempts to connect" in verdict.why


@pytest.mark.parametrize(("beside", "outcome"), [(31, "pass"), (33, "fail")])
def test_a_readiness_that_asks_in_vain_is_no_storm(beside: int, outcome: str) -> None:
    """Besides four attempts for each of 250 requests, two a second of two workers are let pass for 8 s."""
    verdict = verdict_of(attempted(Story(REFUSED).record(), 4 * 250 + beside), NAME)
    assert verdict.verdict == outcome, verdict.why


def test_an_older_record_or_a_kernel_that_does_not_tell_is_said_to_be_so() -> None:
    assert NAME in absent(attempted(Story(REFUSED).record(), None))


def test_without_a_lift_the_attempts_are_not_known() -> None:
    record = Story(REFUSED).record()
    seen = tuple(o for o in record.observations if not (isinstance(o, FaultChanged) and o.action == "lift"))
    assert verdict_of(replace(record, observations=seen), NAME).verdict == "inconclusive"


@pytest.mark.parametrize("scenario", [BASELINE, BLACKHOLE, KILLED])
def test_where_nobody_can_count_it_does_not_apply(scenario: Scenario) -> None:
    assert NAME in absent(Story(scenario).record())


def test_where_no_request_needs_the_part_it_does_not_apply() -> None:
    other = Scenario("other", "Is it apart?", faults=(fault("dependency.slow", for_s=8),), ready="up")
    lines = tuple(replace(line, needs=()) for line in Story(other).trial().requests)
    assert NAME in absent(Story(other, trial_changes={"requests": lines}).record())
