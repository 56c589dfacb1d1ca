"""What a load says of itself twice a second: counts since the start, quantiles of what ended since the last time."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from harness.load.meter import Meter
from harness.model.rows import ROW, UNKNOWN_NS, Outcome, Rows, nearest_rank, nearest_ranks


def rows_of(*ends: tuple[Outcome, int, int, int]) -> Rows:
    """Outcome, due, sent and done."""
    rows = np.zeros(len(ends), ROW)
    for row, (code, due, sent, done) in zip(rows, ends, strict=True):
        row["code"], row["intended"], row["sent"], row["done"] = code, due, sent, done
    return rows


def totals(meter: Meter) -> dict[str, Any]:
    return meter.totals(origin=0, scheduled=9, due=9, in_flight=0, waiting=0)


ENDS = (
    (Outcome.OK, 100, 101, 110),
    (Outcome.BAD_STATUS, 200, 204, 230),
    (Outcome.TIMEOUT, 300, 309, 999),
    (Outcome.NOT_SENT, 400, UNKNOWN_NS, 450),
)


def test_many_at_once_and_one_by_one_tell_the_same() -> None:
    at_once, by_one = Meter(), Meter()
    at_once.count_rows(rows_of(*ENDS[:1]))
    at_once.count_rows(rows_of(*ENDS[1:]))
    for end in ENDS:
        by_one.count(*end)
    for meter in (at_once, by_one):
        window = meter.close_window(totals(meter))
        assert (window.sent, window.answered, window.ok, window.timed_out, window.not_sent) == (3, 2, 1, 1, 1)
        assert (window.window_n, window.p50_ns, window.p99_ns) == (4, 10, 30)
        assert (window.lag_p50_ns, window.lag_p99_ns, window.lag_max_ns) == (4, 9, 9)


def test_a_window_begins_anew_and_the_totals_go_on() -> None:
    meter = Meter()
    meter.count_rows(rows_of(*ENDS))
    meter.note_hub_lag(7)
    assert meter.close_window(totals(meter)).hub_lag_max_ns == 7
    empty = meter.close_window(totals(meter))
    assert (empty.window_n, empty.p50_ns, empty.lag_max_ns, empty.hub_lag_max_ns) == (0, None, None, 0)
    assert empty.answered == 2
    meter.count_rows(rows_of((Outcome.OK, 0, 5, 6)))
    assert meter.close_window(totals(meter)).p99_ns == 6


def test_a_window_keeps_so_many_and_counts_all() -> None:
    meter = Meter()
    rows = np.zeros(25_000, ROW)
    rows["done"] = np.arange(25_000)
    for part in np.split(rows, 5):
        meter.count_rows(part)
    window = meter.close_window(totals(meter))
    assert (window.window_n, window.ok, window.p50_ns) == (25_000, 25_000, 9_999)


def test_several_ranks_are_those_of_each() -> None:
    values = np.random.default_rng(1).permutation(np.arange(1, 1001))
    assert nearest_ranks(values, 990, 1, 500, 1000) == (990, 1, 500, 1000)
    assert nearest_ranks(values, 500) == (nearest_rank(values, 500),)
    with pytest.raises(ValueError, match="not 0"):
        nearest_ranks(values, 500, 0)
