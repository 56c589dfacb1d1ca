import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.load.profile import Profile, Segment
from harness.load.schedule import Schedule, make_schedule, random_units
from harness.model.request import RequestLine


def profile_of(*segments: Segment, **changes: object) -> Profile:
    lines = (RequestLine("read"), RequestLine("write", "POST", body='{"name": "{key}"}', weight=0.25, stores=True))
    return Profile(**{"host": "127.0.0.1", "port": 80, "segments": segments, "requests": lines, **changes})  # type: ignore[arg-type]


def test_a_uniform_load_comes_in_equal_steps_from_the_middle_of_the_first() -> None:
    schedule = make_schedule(profile_of(Segment.steady(10, 100)))
    assert len(schedule) == 1000
    assert schedule.intended_ns[0] == 5_000_000
    assert set(np.diff(schedule.intended_ns).tolist()) == {10_000_000}


def test_a_ramp_has_the_arrivals_of_its_area_and_its_rate_at_every_moment() -> None:
    times = make_schedule(profile_of(Segment(10, 0, 200))).intended_ns
    assert len(times) == 1000
    for second in range(10):
        count = np.count_nonzero(times // 10**9 == second)
        assert abs(count - (20 * second + 10)) <= 1


def test_steps_and_pauses_follow_each_other() -> None:
    times = make_schedule(profile_of(Segment.steady(2, 50), Segment.steady(3, 0), Segment.steady(1, 20))).intended_ns
    assert np.bincount(times // 10**9).tolist() == [50, 50, 0, 0, 0, 20]


def test_a_poisson_load_has_exponential_gaps() -> None:
    times = make_schedule(profile_of(Segment.steady(200, 100), arrivals="poisson", seed=7)).intended_ns
    gaps = np.diff(times) / 1e9
    assert len(times) == pytest.approx(20_000, rel=0.03)
    assert gaps.std() / gaps.mean() == pytest.approx(1, abs=0.03)
    assert np.mean(gaps > 0.01) == pytest.approx(np.exp(-1), abs=0.015)


def test_the_weights_decide_how_often_a_request_is_made() -> None:
    chosen = make_schedule(profile_of(Segment.steady(100, 200), seed=3)).endpoint
    assert np.mean(chosen == 1) == pytest.approx(0.2, abs=0.01)


def test_a_schedule_is_the_same_for_ever() -> None:
    """These numbers are part of the contract: a changed one makes old runs impossible to repeat."""
    schedule = make_schedule(profile_of(Segment(1, 10, 30), arrivals="poisson", seed=42))
    assert schedule.intended_ns[:3].tolist() == [65625976, 162606389, 207006220]
    assert schedule.endpoint.tolist() == [0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]


def test_random_numbers_can_be_had_from_any_place_on() -> None:
    every = random_units(9, np.arange(1000))
    assert (random_units(9, np.arange(600, 700)) == every[600:700]).all()
    assert ((every > 0) & (every < 1)).all()
    assert (random_units(10, np.arange(1000)) != every).all()


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.floats(0.01, 20), st.floats(0, 300), st.floats(0, 300)), min_size=1, max_size=4),
    st.sampled_from(["uniform", "poisson"]),
    st.integers(0, 2**63 - 1),
)
def test_arrivals_are_in_order_and_within_the_load(
    shapes: list[tuple[float, float, float]], arrivals: str, seed: int
) -> None:
    profile = profile_of(*(Segment(*shape) for shape in shapes), arrivals=arrivals, seed=seed)
    schedule: Schedule = make_schedule(profile)
    times = schedule.intended_ns
    assert len(schedule.endpoint) == len(times)
    if not len(times):
        return
    assert times[0] >= 0
    assert (np.diff(times) >= 0).all()
    assert times[-1] <= profile.duration_s * 1e9 + 1
    assert (make_schedule(profile).intended_ns == times).all()
    if arrivals == "uniform":
        assert abs(len(times) - sum(segment.arrivals for segment in profile.segments)) <= 1
