"""no-restart-storm, both ways: a new pid needs a reason."""

from dataclasses import replace

import pytest
from record_builder import BASELINE, DRAIN, FROZEN, KILLED, REFUSED, Story, ns
from test_checks_premises import verdict_of

from harness.checks.judge import judge_trial
from harness.model.observation import WorkersSeen
from harness.model.record import TrialRecord
from harness.model.scenario import Scenario, fault
from harness.model.trial import ServerSettings

NAME = "no-restart-storm"


def with_deaths(story: Story, *moments_s: float, max_requests: int = 0) -> TrialRecord:
    """At each of the moments worker 102, or who took its place, is replaced by a new one."""

    def at(seen: WorkersSeen) -> WorkersSeen:
        deaths = sum(ns(moment_s) <= seen.done_ns for moment_s in moments_s)
        return replace(seen, pids=tuple(1000 + deaths if pid == 102 and deaths else pid for pid in seen.pids))

    story.trial_changes["server_settings"] = ServerSettings(
        stuck_timeout_s=4.0, graceful_s=10.0, max_requests=max_requests
    )
    record = story.record()
    seen = tuple(at(here) if isinstance(here, WorkersSeen) else here for here in record.observations)
    return replace(record, observations=seen)


@pytest.mark.parametrize("scenario", [BASELINE, REFUSED, KILLED, FROZEN, DRAIN])
def test_workers_that_stay_or_are_replaced_for_a_fault_pass(scenario: Scenario) -> None:
    verdict = verdict_of(Story(scenario).record(), NAME)
    assert verdict.verdict == "pass", verdict.why


@pytest.mark.parametrize(("scenario", "told"), [(REFUSED, "explain 0"), (KILLED, "explain 1")])
def test_one_replacement_without_a_reason_fails(scenario: Scenario, told: str) -> None:
    verdict = verdict_of(with_deaths(Story(scenario), 12.0, 13.0), NAME)
    assert verdict.verdict == "fail"
    assert told in verdict.why
    assert "log" in verdict.advice
    assert verdict.evidence["moments"]


def test_a_replacement_while_the_machine_was_late_is_the_rigs() -> None:
    late = Story(REFUSED, machine=lambda at_s: {"control_ms": 900.0} if 12.0 <= at_s < 13.0 else {})
    verdict = verdict_of(with_deaths(late, 12.5), NAME)
    assert (verdict.verdict, verdict.attributed_to) == ("inconclusive", "rig")


@pytest.mark.parametrize(("max_requests", "outcome"), [(0, "fail"), (999, "fail"), (1000, "pass"), (2000, "fail")])
def test_a_declared_recycling_explains_what_the_requests_can_have_caused(max_requests: int, outcome: str) -> None:
    verdict = verdict_of(with_deaths(Story(REFUSED), 12.0, max_requests=max_requests), NAME)
    assert verdict.verdict == outcome, verdict.why
    if max_requests == 999:
        assert "max_requests is 999" in verdict.advice


def test_a_reload_explains_one_replacement_of_each_worker() -> None:
    reload = Scenario("reload", "Is it seamless?", faults=(fault("server.sighup", for_s=2),), ready="any")
    assert verdict_of(with_deaths(Story(reload), 12.0, 12.5), NAME).verdict == "pass"
    assert verdict_of(with_deaths(Story(reload), 12.0, 12.5, 13.0), NAME).verdict == "fail"


def test_few_looks_show_nothing() -> None:
    assert verdict_of(Story(REFUSED).record(without=(WorkersSeen,)), NAME).verdict == "inconclusive"


def test_looks_that_end_before_the_fault_show_nothing() -> None:
    record = Story(REFUSED).record()
    seen = tuple(o for o in record.observations if not (isinstance(o, WorkersSeen) and o.done_ns > ns(10.5)))
    assert verdict_of(replace(record, observations=seen), NAME).verdict == "inconclusive"


def test_where_the_fault_starts_and_ends_workers_it_does_not_apply() -> None:
    restart = Scenario("restart", "Is it back?", faults=(fault("server.restart", for_s=2),), ready="any")
    assert NAME in {absent.check for absent in judge_trial(Story(restart).record()).not_applicable}
