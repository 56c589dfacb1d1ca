"""A score from one deployment: what each step says, how far up it held, and what is climbed next."""

import math
import random
from dataclasses import replace

import pytest
from record_builder import Done, Story, ns

from harness.model.cpu_map import CpuMap
from harness.model.load_shape import Step
from harness.model.observation import MachineSampled
from harness.model.record import TrialRecord
from harness.model.request import RequestLine
from harness.model.scenario import Scenario
from harness.plan_tune import plan_climb
from harness.target import REFERENCE, load_target
from harness.tuning.capacity import Held
from harness.tuning.staircase import (
    Stairs,
    StepSeen,
    climb,
    first_levels,
    is_settled,
    limit_of,
    next_levels,
    read_stairs,
    read_steps,
    scores,
)

CLIMB = Scenario("climb", "How far up?", baseline_s=6, settles=False, climbs=True)
LEVELS = (40.0, 50.0, 60.0, 70.0, 80.0, 90.0, 100.0)


def story(breaks_s: float, pinned: bool = False, **machine: float) -> TrialRecord:
    """The load begins at 2 s, steps are 1 s long: step 1 is from 3 s to 4 s, and so on to step 6."""

    def answer(at_s: float, line: RequestLine) -> Done:
        return Done(0.4 if at_s >= breaks_s else 0.01)

    cpus = CpuMap((0, 1, 2), (2,), (0, 1)) if pinned else CpuMap((0, 1))
    changes = {"shape": Step(LEVELS, 1.0), "cpus": cpus}
    record = Story(CLIMB, request=answer, rate=100, trial_changes=changes).record()
    seen = [
        replace(each, **machine) if isinstance(each, MachineSampled) else each  # type: ignore[arg-type]
        for each in record.observations
    ]
    return replace(record, observations=tuple(seen))


def test_each_step_is_judged_by_itself() -> None:
    steps = read_steps(story(breaks_s=7.0))
    assert [step.rate_rps for step in steps] == list(LEVELS[1:])
    assert [step.result for step in steps] == ["held"] * 4 + ["broke"] * 2
    assert read_stairs(story(breaks_s=7.0)) == Stairs(80.0, 90.0)


def test_a_step_that_the_record_does_not_hold_is_left_out() -> None:
    record = story(breaks_s=7.0)
    short = replace(record, trial=replace(record.trial, shape=Step(LEVELS, 2.0)))
    assert [step.rate_rps for step in read_steps(short)] == [50.0, 60.0, 70.0]


def test_a_record_without_a_staircase_says_nothing() -> None:
    record = Story(CLIMB, rate=100).record()
    found = read_stairs(record)
    assert found == Stairs(None, None, "the trial did not come to its first step")
    assert scores([found]) == ()


def test_what_used_up_shared_cpus_bounds_nothing_from_above() -> None:
    found = read_stairs(story(breaks_s=7.0, busy_share=0.99))
    assert (found.low_rps, found.high_rps) == (80.0, 90.0)
    assert "load generator, workers and parts share 2 CPUs, with 1% left" in found.limit
    assert read_stairs(story(breaks_s=7.0, busy_share=0.5)).limit == ""
    waited = read_stairs(story(breaks_s=7.0, busy_share=0.5, waited_cpus=0.6))
    assert "share 2 CPUs, and 0.6 of their processes waited for one" in waited.limit
    assert read_stairs(story(breaks_s=7.0, busy_share=0.99, waited_cpus=0.1)).limit == ""


def test_others_who_took_no_cpu_away_spoil_nothing() -> None:
    spoilt = read_stairs(story(breaks_s=7.0, foreign_cpu_share=0.4))
    assert "others used 0.80 CPUs" in spoilt.limit
    assert read_stairs(story(breaks_s=7.0, foreign_cpu_share=0.4, waited_cpus=0.1)).limit == ""
    both = read_stairs(story(breaks_s=7.0, foreign_cpu_share=0.4, waited_cpus=0.9))
    assert "others used 0.80 CPUs" in both.limit


def test_a_generator_with_cpus_of_its_own_takes_none_away() -> None:
    assert read_stairs(story(breaks_s=7.0, pinned=True, busy_share=0.99, waited_cpus=0.9)).limit == ""


def steps(*results: Held) -> list[StepSeen]:
    return [StepSeen(10.0 * number, result, "for a reason") for number, result in enumerate(results, 1)]


@pytest.mark.parametrize(
    ("results", "stairs"),
    [
        (("held", "held", "broke", "broke"), Stairs(20.0, 30.0)),
        (("held", "held", "held"), Stairs(30.0, None)),
        (("broke", "broke"), Stairs(None, 10.0)),
        (("held", "broke", "held", "held", "broke"), Stairs(40.0, 50.0)),  # a disturbance: more was held
        (("held", "broke", "held", "broke"), Stairs(10.0, 20.0)),
        (("held", "broke", "broke", "held", "held", "broke"), Stairs(50.0, 60.0)),
        (("held", "broke", "held", "broke", "held"), Stairs(10.0, 20.0)),
        (("held", "held", "broke"), Stairs(20.0, 30.0)),
        (("held", "invalid", "invalid"), Stairs(10.0, 20.0, "for a reason")),
        (("held", "invalid"), Stairs(10.0, 20.0, "for a reason")),
        (("held", "invalid", "broke"), Stairs(10.0, 30.0)),  # a bad moment of the machine, then the service itself
    ],
)
def test_the_highest_step_that_held_with_all_below_it(results: tuple[Held, ...], stairs: Stairs) -> None:
    assert climb(steps(*results)) == stairs


def test_a_wide_bracket_says_no_more_than_a_narrow_one_in_it() -> None:
    wide, narrow = Stairs(100.0, 120.0), Stairs(104.0, 107.0)
    assert scores([wide]) == pytest.approx((math.sqrt(12000),))
    assert scores([wide, narrow]) == pytest.approx((narrow.middle_rps, narrow.middle_rps))
    far = Stairs(130.0, 134.0)
    assert scores([wide, far]) == pytest.approx((120.0, far.middle_rps))


def test_a_lower_bound_is_one_until_a_climb_ends_at_the_service() -> None:
    bound = Stairs(100.0, 120.0, "used up")
    assert limit_of([bound]) == "used up"
    assert limit_of([bound, Stairs(104.0, 107.0)]) == ""
    assert limit_of([Stairs(100.0, None)]) == ""


def climbed(levels: tuple[float, ...], truth: float, rng: random.Random) -> Stairs:
    """What a service that holds `truth` shows, give or take three percent for the day."""
    today = truth * (1 + rng.gauss(0, 0.03))
    return climb([StepSeen(level, "held" if level < today else "broke") for level in levels])


@pytest.mark.parametrize("truth", [20.0, 75.0, 444.0, 1100.0, 3000.0])
@pytest.mark.parametrize("expected", [None, 30.0, 700.0])
def test_three_or_four_climbs_find_the_score_from_anywhere(truth: float, expected: float | None) -> None:
    found = []
    for seed in range(40):
        rng, seen = random.Random(seed), list[Stairs]()
        while not seen or not seen[-1].narrow:
            seen.append(climbed(next_levels(seen, expected), truth, rng))
            assert len(seen) < 12
        found.append(scores(seen)[-1] / truth)
        assert is_settled(seen)
    assert sum(abs(each - 1) < 0.1 for each in found) >= 38


def test_what_holds_nothing_ends_the_climbing() -> None:
    seen = [climb(steps("broke"))]
    assert not is_settled(seen)
    seen.append(climb([StepSeen(level, "broke") for level in next_levels(seen, None)]))
    assert is_settled(seen)
    assert scores(seen)[0] < 1


def test_a_climb_is_as_long_as_its_steps() -> None:
    target = load_target(REFERENCE, {})
    planned = plan_climb(3, "climb", first_levels(), target, 2, {"workers": 2}, 1, 2)
    assert isinstance(planned.shape, Step)
    assert planned.shape.levels_rps[:2] == (14.0, 14.0)  # the warm-up is at the lowest
    assert planned.shape.each_s * len(planned.shape.levels_rps) < 3 + planned.scenario.baseline_s
    assert planned.rate_rps == max(first_levels())
    assert ns(1.0) == 1_000_000_000
