"""Two runs of the setup at once: how each ended, and what both left, decide."""

from collections.abc import Mapping
from dataclasses import replace

import pytest
from record_builder import DRAIN, Story
from test_checks_premises import verdict_of

from harness.checks.judge import judge_trial
from harness.model.observation import FaultChanged
from harness.model.record import TrialRecord
from harness.model.scenario import Scenario, fault
from harness.model.target import Scalar

MIGRATED = Scenario("migrated-twice", "Do both end well?", faults=(fault("server.migrate-twice"),), fault_s=8)
WELL: Mapping[str, Scalar] = {
    "exit_1": 0,
    "exit_2": 0,
    "changes": 9,
    "missing": 0,
    "extra": 0,
    "first_difference": "",
    "other_rows": "",
}


def record(told: Mapping[str, Scalar]) -> TrialRecord:
    made = Story(MIGRATED).record()
    seen = tuple(
        replace(here, evidence=told) if isinstance(here, FaultChanged) and here.action == "apply" else here
        for here in made.observations
    )
    return replace(made, observations=seen)


def test_two_that_end_well_and_leave_what_one_leaves_pass_with_all_that_is_judged_around_them() -> None:
    verdict = judge_trial(record(WELL))
    assert verdict.verdict == "pass", [seen for seen in verdict.verdicts if seen.verdict != "pass"]
    assert {seen.check for seen in verdict.verdicts} >= {"migrates-together", "recovers", "error-budget", "starts"}


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"exit_2": 1}, "1 failed: one ended with 1"),
        ({"exit_1": -1}, "did not end in time"),
        ({"missing": 1, "first_difference": "public.items: index x"}, "another schema than one does: public.items"),
        ({"extra": 1, "first_difference": "public.items: index y"}, "another schema"),
        ({"other_rows": "public.prices"}, "public.prices has other rows"),
    ],
)
def test_what_goes_wrong_is_told(change: Mapping[str, Scalar], word: str) -> None:
    verdict = verdict_of(record({**WELL, **change}), "migrates-together")
    assert verdict.verdict == "fail"
    assert word in verdict.why
    assert "pg_advisory_xact_lock" in verdict.advice


@pytest.mark.parametrize("told", [{}, {"exit_1": 0}, {**WELL, "changes": 0}])
def test_without_two_ends_or_a_change_nothing_is_known(told: Mapping[str, Scalar]) -> None:
    assert verdict_of(record(told), "migrates-together").verdict == "inconclusive"


def test_it_is_asked_only_where_it_was_tried() -> None:
    assert "migrates-together" not in {seen.check for seen in judge_trial(Story(DRAIN).record()).verdicts}
