"""One verdict over all: premises, what does not apply, records that are cut, and the same bytes each time."""

import json
from dataclasses import asdict, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from record_builder import BASELINE, BLACKHOLE, DRAIN, FROZEN, KILLED, REFUSED, SLOW, Story, ns

from harness.checks import CHECKS
from harness.checks.judge import judge_trial
from harness.model.observation import FaultChanged, TrialEnded
from harness.model.record import TrialRecord
from harness.model.scenario import Scenario

ALL = (BASELINE, REFUSED, BLACKHOLE, SLOW, KILLED, FROZEN, DRAIN)


def story_of(scenario: Scenario) -> Story:
    return Story(scenario, new_pid_s=5.0 if scenario is FROZEN else 2.0)


RECORDS = tuple(story_of(scenario).record() for scenario in ALL)


@pytest.mark.parametrize("scenario", ALL, ids=lambda scenario: scenario.name)
def test_a_sound_service_passes_everything_that_applies(scenario: Scenario) -> None:
    judged = judge_trial(story_of(scenario).record())
    assert judged.verdict == "pass"
    assert {verdict.verdict for verdict in judged.verdicts} == {"pass"}
    names = [verdict.check for verdict in judged.verdicts] + [absent.check for absent in judged.not_applicable]
    assert sorted(names) == sorted(check.name for check in CHECKS)


def test_each_premise_is_listed_before_the_checks_that_need_it() -> None:
    names = [check.name for check in CHECKS]
    for check in CHECKS:
        assert all(names.index(premise) < names.index(check.name) for premise in check.premises)


def test_every_failure_names_number_limit_and_the_setting() -> None:
    """Of all checks that can fail, with everything going wrong at once."""
    from test_checks_requests import BAD, broken

    story = Story(REFUSED, request=broken(5.0, 60.0, BAD), orphans=(9,))
    failed = [verdict for verdict in judge_trial(story.record()).verdicts if verdict.verdict == "fail"]
    assert failed
    for verdict in failed:
        assert verdict.advice
        assert verdict.limits
        assert any(letter.isdigit() for letter in verdict.why)


def test_the_faults_are_told_by_the_users_names() -> None:
    assert judge_trial(Story(REFUSED).record()).faults == ("db.refuse",)
    assert judge_trial(Story(SLOW).record()).faults == ("pricing.slow",)


def test_faults_are_known_by_the_scenarios_names_too() -> None:
    """A record may call the part by its kind, as the scenario does."""
    record = Story(REFUSED).record()
    seen = tuple(
        replace(here, fault="postgres.refuse") if isinstance(here, FaultChanged) else here
        for here in record.observations
    )
    judged = judge_trial(replace(record, observations=seen))
    assert judged == judge_trial(record)
    assert judged.verdict == "pass"


def test_only_what_is_asked_is_judged_with_its_premises() -> None:
    judged = judge_trial(Story(REFUSED).record(), {"no-orphans"})
    assert [verdict.check for verdict in judged.verdicts] == ["starts", "no-orphans"]


def test_premises_alone_are_inconclusive() -> None:
    judged = judge_trial(Story(BASELINE).record(), {"requests-bounded"})
    assert judged.verdict == "inconclusive"
    assert [absent.check for absent in judged.not_applicable][-1] == "requests-bounded"


@pytest.mark.parametrize(("reason", "outcome"), [("interrupted", "inconclusive"), ("error", "error")])
def test_a_trial_that_did_not_end_well_is_never_a_pass(reason: str, outcome: str) -> None:
    ended = TrialEnded(reason, "SIGINT", ns(40.0), ns(40.0))  # type: ignore[arg-type]
    record = Story(BASELINE).record(without=(TrialEnded,), plus=(ended,), whole=False)
    judged = judge_trial(record)
    assert judged.verdict == outcome
    assert judged.verdicts[0].check == "record-whole"
    assert judged.verdicts[0].attributed_to == "rig"


def test_a_cut_record_is_inconclusive_but_a_failure_in_it_stays() -> None:
    assert judge_trial(Story(BASELINE).record(whole=False)).verdict == "inconclusive"
    assert judge_trial(Story(BASELINE, orphans=(9,)).record(whole=False)).verdict == "fail"


def text_of(record: TrialRecord) -> str:
    return json.dumps(asdict(judge_trial(record)), allow_nan=False)


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: record.trial.scenario.name)
def test_the_same_record_gives_the_same_bytes(record: TrialRecord) -> None:
    assert text_of(record) == text_of(record)


@settings(max_examples=150, deadline=None)
@given(which=st.integers(0, len(ALL) - 1), share=st.floats(0, 1), rows=st.floats(0, 1))
def test_any_prefix_of_a_record_is_judged_and_never_failed(which: int, share: float, rows: float) -> None:
    """A sound service does not become a bad one because its record was cut."""
    record = RECORDS[which]
    kept = record.observations[: int(share * len(record.observations))]
    samples = record.samples[: int(rows * len(record.samples))]
    judged = judge_trial(TrialRecord(record.trial, kept, samples, whole=False))
    assert json.dumps(asdict(judged), allow_nan=False)
    assert judged.verdict == "inconclusive"


@settings(max_examples=100, deadline=None)
@given(which=st.integers(0, len(ALL) - 1), kinds=st.sets(st.integers(0, 30)))
def test_a_record_without_some_kinds_of_observations_is_judged_and_never_failed(which: int, kinds: set[int]) -> None:
    record = RECORDS[which]
    names = sorted({here.kind for here in record.observations})
    out = {names[index] for index in kinds if index < len(names)}
    kept = tuple(here for here in record.observations if here.kind not in out)
    judged = judge_trial(TrialRecord(record.trial, kept, record.samples, whole=False))
    assert judged.verdict == "inconclusive", [v for v in judged.verdicts if v.verdict == "fail"]
