"""BASE against NEW: what is better, what is worse, and when nothing can be said."""

import random
from collections.abc import Sequence

import pytest

from harness.model.verdict import Outcome, TrialVerdict, Verdict
from harness.tuning.comparison import Measured, compare


def trial(p50: float | None = None, **said: Outcome) -> Measured:
    verdicts = tuple(Verdict(name.replace("_", "-"), outcome, "because") for name, outcome in said.items())
    values = {} if p50 is None else {"p50_ms": p50, "goodput_rps": 50.0, "error_rate": 0.0}
    return Measured(values, TrialVerdict("baseline", {}, (), "pass", verdicts, ()))


def pairs(base: Sequence[float], new: Sequence[float], **said: Outcome) -> list[tuple[Measured, Measured]]:
    return [(trial(b), trial(n, **said)) for b, n in zip(base, new, strict=True)]


def test_slower_is_worse_and_faster_is_better() -> None:
    base, slow = [10, 11, 9, 10, 12], [13, 14.5, 11.5, 13.1, 15.4]
    assert compare(pairs(base, slow)).answer == "worse"
    assert compare(pairs(slow, base)).answer == "better"
    assert "p50_ms +2" in compare(pairs(base, slow)).why


def test_noise_is_no_difference_and_what_could_have_been_seen_is_told() -> None:
    rng = random.Random(2)
    found = compare(pairs(*[[10 * (1 + rng.gauss(0, 0.1)) for _ in range(5)] for _ in range(2)]))
    assert found.answer == "no difference seen"
    assert "nine times in ten" in found.why


def test_a_check_that_breaks_is_worse_whatever_the_numbers_say() -> None:
    found = compare([(trial(10, recovers="pass"), trial(5, recovers="fail")) for _ in range(3)])
    assert (found.answer, found.broken[0].check) == ("worse", "recovers")
    once = [(trial(10, recovers="pass"), trial(5, recovers="pass")) for _ in range(2)]
    assert compare([*once, (trial(10, recovers="pass"), trial(5, recovers="fail"))]).answer != "worse"
    flaky = [(trial(10, recovers="fail"), trial(10, recovers="fail")), *once]
    assert not compare(flaky).broken


def test_what_the_machine_spoilt_is_left_out() -> None:
    spoilt = (trial(10), trial(99, machine_fit="inconclusive"))
    good = pairs([10, 11, 9], [10, 11, 9])
    found = compare([*good, spoilt])
    assert (found.answer, found.pairs, found.left_out) == ("no difference seen", 3, 1)
    assert compare([*good[:2], spoilt, spoilt]).answer == "inconclusive"


def test_without_numbers_nothing_is_said() -> None:
    assert compare([]).answer == "inconclusive"
    assert compare([(trial(), trial())] * 5).answer == "inconclusive"
    assert "is 0" in compare(pairs([1, 1, 0], [1, 1, 1])).why
    with pytest.raises(KeyError):
        compare([], "p51_ms")


def test_of_the_other_metrics_only_what_survives_the_correction_is_told() -> None:
    found = compare(pairs([10, 11, 9], [10, 11, 9]))
    told = {each.metric.name: each.finding for each in found.others}
    assert told["goodput_rps"] == "no difference seen"
    assert told["error_rate"] is None, "no ratio can be taken of 0"
    assert told["p99_ms"] is None
