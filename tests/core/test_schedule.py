import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.load.profile import Profile, Segment
from harness.load.schedule import BLOCK, Arrivals, Schedule, random_units
from harness.model.request import RequestLine


def profile_of(*segments: Segment, **changes: object) -> Profile:
    lines = (RequestLine("read"), RequestLine("write", "POST", body='{"name": "{key}"}', weight=0.25, stores=True))
    return Profile(**{"host": "127.0.0.1", "port": 80, "segments": segments, "requests": lines, **changes})  # type: ignore[arg-type]


def make_schedule(profile: Profile) -> Arrivals:
    return Schedule(profile).whole()


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
    schedule = make_schedule(profile)
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


def joined(schedule: Schedule, borders: list[int]) -> tuple[list[int], list[int]]:
    parts = [schedule.arrivals(a, b) for a, b in zip([0, *borders], [*borders, len(schedule)], strict=True)]
    times, chosen = np.concatenate([p.intended_ns for p in parts]), np.concatenate([p.endpoint for p in parts])
    return times.tolist(), chosen.tolist()


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.tuples(st.floats(0.1, 40), st.floats(0, 900), st.floats(0, 900)), min_size=1, max_size=3),
    st.sampled_from(["uniform", "poisson"]),
    st.integers(0, 2**63 - 1),
    st.lists(st.floats(0, 1), max_size=5),
)
def test_any_part_can_be_computed_alone(
    shapes: list[tuple[float, float, float]], arrivals: str, seed: int, cuts: list[float]
) -> None:
    profile = profile_of(*(Segment(*shape) for shape in shapes), arrivals=arrivals, seed=seed)
    schedule, whole = Schedule(profile), make_schedule(profile)
    borders = sorted(int(cut * len(schedule)) for cut in cuts)
    assert joined(schedule, borders) == (whole.intended_ns.tolist(), whole.endpoint.tolist())


@pytest.mark.parametrize("arrivals", ["uniform", "poisson"])
def test_blocks_follow_each_other_and_make_the_whole(arrivals: str) -> None:
    schedule = Schedule(profile_of(Segment.steady(50, 1000), arrivals=arrivals))
    blocks = list(schedule.blocks(100))
    assert [block.first for block in blocks[:2]] == [100, 100 + BLOCK]
    assert all(len(block) == BLOCK for block in blocks[:-1])
    assert np.concatenate([b.intended_ns for b in blocks]).tolist() == schedule.whole().intended_ns[100:].tolist()


@pytest.mark.parametrize("arrivals", ["uniform", "poisson"])
def test_ten_million_arrivals_take_little_memory(arrivals: str) -> None:
    """The last ones of a Poisson load depend on all before them; still nobody holds those."""
    profile = profile_of(Segment.steady(1000, 10_000), arrivals=arrivals)
    tracemalloc.start()
    try:
        schedule = Schedule(profile)
        late = schedule.arrivals(len(schedule) - 10, len(schedule))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(schedule) == pytest.approx(10_000_000, rel=0.002)
    assert (late.first, len(late)) == (len(schedule) - 10, 10)
    assert late.intended_ns[-1] == pytest.approx(1e12, rel=1e-5)
    assert peak < 4_000_000


def test_what_lies_outside_of_a_load_is_nothing() -> None:
    schedule = Schedule(profile_of(Segment.steady(1, 10)))
    assert len(schedule.arrivals(10, 20)) == len(schedule.arrivals(5, 5)) == len(schedule.arrivals(-3, 0)) == 0
    assert schedule.arrivals(8, 99).intended_ns.tolist() == [850_000_000, 950_000_000]


def test_a_rate_that_rises_from_nothing_at_a_border_has_no_gap_of_its_own() -> None:
    times = make_schedule(profile_of(Segment.steady(1, 0.5), Segment(1, 0, 4))).intended_ns
    assert times.tolist()[0] == 10**9
    assert len(times) == 2
