"""Changes over the nights: what is told of them, and by the real library."""

from __future__ import annotations

import random
from collections.abc import Sequence

import pytest

from harness.tuning.drift import LEAST_POINTS, Segment, find_drift, load_segment


def at(*edges: int) -> Segment:
    return lambda values, penalty: edges


def nights(*levels: tuple[int, float], noise: float = 0.03) -> list[float]:
    rng = random.Random(3)
    return [level * (1 + rng.gauss(0, noise)) for count, level in levels for _ in range(count)]


def test_a_change_is_told_with_the_medians_around_it() -> None:
    found = find_drift([10.0] * 10 + [15.0] * 10 + [12.0] * 5, at(10, 20))
    assert [(each.at, each.before, each.after) for each in found.changes] == [(10, 10.0, 15.0), (20, 15.0, 12.0)]
    assert found.changes[0].ratio == pytest.approx(1.5)
    assert not found.why_not


def test_what_is_too_small_to_matter_is_no_change() -> None:
    assert not find_drift([10.0] * 10 + [10.4] * 10, at(10)).changes


def test_the_noise_is_that_between_nights_so_that_a_step_does_not_hide_itself() -> None:
    seen: list[Sequence[float]] = []

    def segment(values: Sequence[float], penalty: float) -> Sequence[int]:
        seen.append(values)
        return ()

    find_drift(nights((15, 10.0), (15, 20.0)), segment)
    assert max(seen[0]) - min(seen[0]) > 10, "a step of twice as much is many times the noise of 3 %"
    find_drift([10.0] * LEAST_POINTS, segment)
    assert len(set(seen[1])) == 1, "no noise at all is no division by 0"


@pytest.mark.parametrize(
    ("values", "segment", "says"),
    [
        ([10.0] * 30, None, "ruptures is not installed"),
        ([10.0] * (LEAST_POINTS - 1), at(), f"from {LEAST_POINTS} points on, and there are {LEAST_POINTS - 1}"),
        ([10.0] * 20 + [0.0], at(), "a value is 0"),
    ],
)
def test_why_it_was_not_looked_for_is_told(values: list[float], segment: Segment | None, says: str) -> None:
    found = find_drift(values, segment)
    assert says in found.why_not
    assert not found.changes


def test_the_real_library_finds_a_step_and_nothing_else() -> None:
    segment = load_segment()
    assert segment is not None, "ruptures is in the lock"
    assert not find_drift(nights((40, 10.0)), segment).changes
    (change,) = find_drift(nights((25, 10.0), (8, 13.0)), segment).changes
    assert abs(change.at - 25) <= 1
    assert change.ratio == pytest.approx(1.3, rel=0.05)
    assert not find_drift(nights((20, 10.0), (1, 30.0), (20, 10.0)), segment).changes, "one bad night is no drift"
