"""Histograms of latency: small, close to the truth, and the sum of their parts."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.model.histogram import (
    Histogram,
    bucket_of,
    by_phase,
    by_request,
    by_second,
    latencies_ns,
    upper_ns,
)
from harness.model.rows import ROW, Outcome, Rows, nearest_rank

S, MS = 10**9, 10**6
TIMES = st.lists(st.integers(0, 10**13), min_size=1, max_size=200)


def rows_of(count: int = 30_000) -> Rows:
    chance = np.random.default_rng(3)
    rows = np.zeros(count, ROW)
    rows["intended"] = np.sort(chance.integers(5 * S, 25 * S, count))
    rows["sent"] = rows["intended"] + chance.integers(0, 40 * MS, count)
    rows["done"] = rows["sent"] + chance.lognormal(16, 1, count).astype(np.int64)
    rows["endpoint"] = chance.integers(0, 3, count)
    rows["code"][::7] = Outcome.TIMEOUT
    rows["sent"][::14], rows["done"][::14] = -1, -1
    return rows


@given(TIMES, st.integers(1, 1000))
def test_a_quantile_is_never_below_the_truth_and_close_to_it(times: list[int], per_mille: int) -> None:
    truth = nearest_rank(np.array(times), per_mille)
    told = Histogram.of(np.array(times)).quantile_ns(per_mille)
    assert truth <= told
    assert told <= max(truth, 1024) * (1 + 1 / 64) + 1


@given(TIMES, TIMES)
def test_parts_add_up_to_the_whole(one: list[int], other: list[int]) -> None:
    total = Histogram.sum([Histogram.of(np.array(one)), Histogram.of(np.array(other))])
    whole = Histogram.of(np.array(one + other))
    assert total.buckets.tolist() == whole.buckets.tolist()
    assert total.counts.tolist() == whole.counts.tolist()
    assert total.n == len(one) + len(other)


@given(st.integers(0, 10**13), st.integers(0, 10**13))
def test_buckets_are_in_the_order_of_their_values(one: int, other: int) -> None:
    low, high = bucket_of(np.array(sorted([one, other]))).tolist()
    assert low <= high
    assert upper_ns(low) <= upper_ns(high)


def test_what_is_longer_than_all_is_in_the_last_bucket() -> None:
    assert bucket_of(np.array([2**62]))[0] == bucket_of(np.array([2**60]))[0]


@pytest.mark.parametrize("clock", ["response", "service"])
def test_seconds_requests_and_phases_are_the_same_values_in_other_groups(clock: str) -> None:
    rows = rows_of()
    times = latencies_ns(rows, clock)  # type: ignore[arg-type]
    begins = np.array([6 * S, 12 * S])
    for groups in (
        by_second(rows, clock),  # type: ignore[arg-type]
        by_request(rows, clock),  # type: ignore[arg-type]
        by_phase(rows, clock, begins),  # type: ignore[arg-type]
    ):
        total = Histogram.sum(groups.values())
        whole = Histogram.of(times[times >= 0])
        assert (total.buckets.tolist(), total.counts.tolist()) == (whole.buckets.tolist(), whole.counts.tolist())


def test_each_group_has_its_own_values() -> None:
    rows = rows_of()
    seconds, lines, phases = (
        by_second(rows, "response"),
        by_request(rows, "service"),
        by_phase(rows, "response", np.array([6 * S, 12 * S])),
    )
    assert (sorted(seconds), sorted(lines), sorted(phases)) == (list(range(5, 25)), [0, 1, 2], [-1, 0, 1])
    mine = rows[(rows["intended"] // S == 9) & (rows["code"] == Outcome.OK)]
    truth = Histogram.of(mine["done"] - mine["intended"])
    assert seconds[9].buckets.tolist() == truth.buckets.tolist()
    mine = rows[(rows["endpoint"] == 2) & (rows["code"] == Outcome.OK)]
    assert lines[2].counts.tolist() == Histogram.of(mine["done"] - mine["sent"]).counts.tolist()
    mine = rows[(rows["intended"] >= 12 * S) & (rows["code"] == Outcome.OK)]
    assert phases[1].n == len(mine)


def test_only_what_was_answered_has_a_latency() -> None:
    rows = rows_of(100)
    rows["code"] = Outcome.RESET_FRESH
    assert by_second(rows, "response") == by_request(rows[:0], "service") == {}


def test_a_million_values_have_no_more_buckets_than_a_thousand_can() -> None:
    values = np.random.default_rng(5).lognormal(16, 1, 1_000_000).astype(np.int64)
    assert len(Histogram.of(values).buckets) < 1000


def test_a_quantile_of_nothing_is_an_error() -> None:
    with pytest.raises(ValueError, match="nothing"):
        Histogram.of(np.zeros(0, np.int64)).quantile_ns(500)
    with pytest.raises(ValueError, match="per_mille"):
        Histogram.of(np.ones(1, np.int64)).quantile_ns(0)
