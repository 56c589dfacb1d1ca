"""no-duplicates, both ways: one key stored twice is enough, and few writes show nothing."""

from dataclasses import replace

import pytest
from record_builder import BASELINE, BITE_S, REFUSED, Done, S, Story
from test_checks_premises import verdict_of

from harness.checks.judge import judge_trial
from harness.model.observation import KeysStored
from harness.model.record import TrialRecord
from harness.model.rows import Outcome

NAME = "no-duplicates"


def repeated(record: TrialRecord, *keys: tuple[int, int]) -> TrialRecord:
    """The ledger found these keys so many times."""
    found = dict(record.of(KeysStored)[0].keys) | dict(keys)
    seen = [
        replace(here, keys=tuple(sorted(found.items()))) if isinstance(here, KeysStored) else here
        for here in record.observations
    ]
    return replace(record, observations=tuple(seen))


def key_of(record: TrialRecord, outcome: Outcome) -> int:
    rows = record.samples
    return int(rows[(rows["endpoint"] == 2) & (rows["code"] == outcome)]["k"][0])


@pytest.mark.parametrize("scenario", [BASELINE, REFUSED])
def test_what_is_stored_once_passes(scenario) -> None:  # type: ignore[no-untyped-def]
    verdict = verdict_of(Story(scenario).record(), NAME)
    assert verdict.verdict == "pass", verdict.why
    assert verdict.evidence["stored_twice"] == 0
    assert verdict.evidence["stored"]


def test_one_acknowledged_key_stored_twice_is_enough() -> None:
    record = Story(REFUSED).record()
    key = key_of(record, Outcome.OK)
    verdict = verdict_of(repeated(record, (key, 3)), NAME)
    assert verdict.verdict == "fail"
    assert "1 of" in verdict.why
    assert "3 times" in verdict.why
    assert verdict.evidence["keys"] == [f"k-{key}: 3"]
    assert verdict.evidence["of_them_not_acknowledged"] == 0


def test_a_key_that_was_never_acknowledged_counts_too() -> None:
    record = Story(REFUSED).record()
    verdict = verdict_of(repeated(record, (key_of(record, Outcome.BAD_STATUS), 2)), NAME)
    assert verdict.verdict == "fail"
    assert verdict.evidence["of_them_not_acknowledged"] == 1


def test_a_request_held_across_sigterm_counts_too() -> None:
    verdict = verdict_of(repeated(Story(REFUSED).record(), (S, 2)), NAME)
    assert verdict.verdict == "fail"


def test_few_writes_around_the_bite_show_nothing_but_a_second_one_still_fails() -> None:
    record = Story(
        REFUSED, rate=8, request=lambda at_s, _: Done(0.02, Outcome.OK if at_s < BITE_S else Outcome.TIMEOUT)
    )
    thin = record.record()
    assert verdict_of(thin, NAME).verdict == "inconclusive"
    assert verdict_of(repeated(thin, (key_of(thin, Outcome.OK), 2)), NAME).verdict == "fail"


def test_without_the_ledgers_answer_nothing_is_known() -> None:
    assert verdict_of(Story(REFUSED).record(without=(KeysStored,)), NAME).verdict == "inconclusive"


def test_without_a_ledger_it_does_not_apply() -> None:
    judged = judge_trial(Story(REFUSED, trial_changes={"ledger": False}).record())
    assert NAME in {absent.check for absent in judged.not_applicable}
