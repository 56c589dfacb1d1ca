"""Shapes of a load: what their rate is at every moment, and how long."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.load.profile import Profile, Segment
from harness.load.schedule import Schedule
from harness.load.shape import WAVE_PIECES, segments_of
from harness.model.load_shape import (
    Constant,
    Diurnal,
    LoadShape,
    Ramp,
    Replayed,
    Spike,
    Step,
    describe,
    least_rps,
    own_rate_rps,
)
from harness.model.request import RequestLine

RATE_RPS = 50.0
SHAPES: tuple[LoadShape, ...] = (
    Constant(),
    Constant("poisson"),
    Step((10, 0, 40), 5),
    Ramp(200, 8, after_s=3),
    Ramp(5, 8, arrivals="poisson"),
    Spike(400, 4, 2),
    Diurnal(20, 100, 7),
    Replayed("x.txt", 12.5, 80),
)


def per_second(shape: LoadShape, length_s: float) -> list[int]:
    segments = segments_of(shape, RATE_RPS, length_s)
    times = Schedule(Profile("h", 80, segments, (RequestLine("read"),))).whole().intended_ns
    counts: list[int] = np.bincount(times // 10**9, minlength=math.ceil(length_s)).tolist()
    return counts


def test_a_constant_rate_stays() -> None:
    assert segments_of(Constant(), 50, 12) == (Segment.steady(12, 50),)


def test_the_last_step_stays() -> None:
    assert per_second(Step((10, 0, 40), 2), 8) == [10, 10, 0, 0, 40, 40, 40, 40]


def test_a_ramp_waits_rises_and_stays() -> None:
    counts = per_second(Ramp(150, 4, after_s=2), 8)
    assert counts[:2] == [50, 50]
    assert counts[2:6] == pytest.approx([62, 88, 112, 138], abs=1)
    assert counts[6:] == [150, 150]


def test_a_spike_comes_and_goes_at_once() -> None:
    assert per_second(Spike(300, 2, 1), 5) == [50, 50, 300, 50, 50]


def test_a_wave_begins_low_has_its_mean_and_comes_again() -> None:
    counts = per_second(Diurnal(0, 200, 20), 40)
    truth = [100 * (1 - math.cos(2 * math.pi * (second + 0.5) / 20)) for second in range(40)]
    assert counts == pytest.approx(truth, abs=2)
    assert sum(counts) == pytest.approx(100 * 40, abs=1)


def test_a_wave_is_close_to_its_curve() -> None:
    (first, *rest) = segments_of(Diurnal(0, 1, 1), 1, 1)
    assert len(rest) + 1 == WAVE_PIECES
    for i, piece in enumerate((first, *rest)):
        middle = (1 - math.cos(2 * math.pi * (i + 0.5) / WAVE_PIECES)) / 2
        assert (piece.rate_rps + piece.end_rate_rps) / 2 == pytest.approx(middle, abs=0.0011)


@settings(max_examples=80, deadline=None)
@given(st.sampled_from(SHAPES), st.floats(0.01, 60))
def test_a_shape_lasts_as_long_as_asked_and_never_falls_below_its_least(shape: LoadShape, length_s: float) -> None:
    segments = segments_of(shape, RATE_RPS, length_s)
    assert math.isclose(sum(segment.duration_s for segment in segments), length_s)
    least = least_rps(shape, RATE_RPS)
    assert all(min(segment.rate_rps, segment.end_rate_rps) >= least - 1e-9 for segment in segments)


@settings(max_examples=80, deadline=None)
@given(st.sampled_from(SHAPES), st.floats(0.5, 30), st.floats(0.1, 0.9))
def test_a_shorter_load_is_the_beginning_of_a_longer_one(shape: LoadShape, length_s: float, share: float) -> None:
    def area(length: float) -> float:
        return sum(segment.arrivals for segment in segments_of(shape, RATE_RPS, length))

    def area_until(until_s: float) -> float:
        total, left = 0.0, until_s
        for segment in segments_of(shape, RATE_RPS, length_s):
            used = max(0.0, min(left, segment.duration_s))
            slope = (segment.end_rate_rps - segment.rate_rps) / segment.duration_s
            total += used * segment.rate_rps + slope * used**2 / 2
            left -= used
        return total

    assert area(length_s * share) == pytest.approx(area_until(length_s * share), abs=1e-6)


def test_shapes_with_rates_of_their_own_say_which_stands_for_them() -> None:
    assert [own_rate_rps(shape) for shape in SHAPES] == [None, None, 40, None, None, None, 60, 12.5]


def test_a_shape_is_told_in_words() -> None:
    assert describe(Constant(), 50) == "50 requests/s"
    assert describe(Ramp(5, 8, arrivals="poisson"), 50) == "50 to 5 requests/s in 8 s (Poisson)"
    assert len({describe(shape, RATE_RPS) for shape in SHAPES}) == len(SHAPES)
