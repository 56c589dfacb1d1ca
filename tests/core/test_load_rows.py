from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.errors import MachineError
from harness.load.rows_file import read_rows
from harness.model.rows import (
    ANSWERED,
    FAILED,
    NO_CONN,
    NO_PID,
    NO_STATUS,
    NOT_SENT,
    PACK,
    ROW,
    TIMED_OUT,
    UNFINISHED,
    Outcome,
    Rows,
    ledger,
    nearest_rank,
    rows_from_bytes,
)


def packed(k: int, code: int = 0) -> bytes:
    return PACK.pack(k, 1, k * 10, k * 10 + 1, k * 10 + 2, k * 10 + 3, code, 0, 200, 1, 4711, 99)


def rows_of(*codes: int) -> Rows:
    return rows_from_bytes(b"".join(packed(k, code) for k, code in enumerate(codes)))


def test_struct_and_dtype_are_the_same_56_bytes() -> None:
    assert PACK.size == ROW.itemsize == 56
    row = rows_from_bytes(packed(7, Outcome.RESET_BODY))[0]
    assert row.tolist() == (7, 1, 70, 71, 72, 73, Outcome.RESET_BODY, 0, 200, 1, 4711, 99)


def test_unknown_is_minus_one_in_every_width() -> None:
    row = rows_from_bytes(PACK.pack(1, NO_CONN, 0, -1, -1, -1, 2, 0, NO_STATUS, 0, NO_PID, 0))[0]
    assert row["conn"].astype("i4") == row["status"].astype("i2") == row["pid"].astype("i4") == row["sent"] == -1


def test_the_numbers_of_the_outcomes_are_fixed() -> None:
    assert [outcome.value for outcome in Outcome] == list(range(25))
    assert (Outcome.OK, Outcome.RESET_REUSED, Outcome.TIMEOUT, Outcome.NOT_SENT_LATE) == (0, 7, 13, 22)


def test_every_outcome_is_in_one_group() -> None:
    groups = (ANSWERED, FAILED, TIMED_OUT, UNFINISHED, NOT_SENT)
    assert sorted(code for group in groups for code in group) == list(Outcome)


@given(st.integers(0, 5 * 56), st.integers(0, 5))
def test_a_file_cut_anywhere_gives_the_whole_rows_before(
    tmp_path_factory: pytest.TempPathFactory, cut: int, start: int
) -> None:
    path: Path = tmp_path_factory.mktemp("rows") / "samples.rows"
    path.write_bytes(b"".join(packed(k) for k in range(5))[:cut])
    rows = read_rows(path, start)
    assert rows["k"].tolist() == list(range(start, cut // 56))
    assert not rows.flags.writeable


def test_a_ledger_balances_when_every_arrival_is_there_once() -> None:
    book = ledger(rows_of(*Outcome), len(Outcome))
    assert book.balanced
    assert (book.answered, book.failed, book.timed_out, book.unfinished, book.not_sent) == (3, 12, 3, 2, 5)
    assert book.sent == 20


@pytest.mark.parametrize(
    ("rows", "scheduled"),
    [
        (rows_of(0, 0), 3),
        (rows_from_bytes(packed(0) + packed(7) + packed(7)), 2),
        (rows_of(0, 0), 1),
        (rows_of(0, len(Outcome)), 2),
        (rows_from_bytes(packed(0) + packed(0)), 2),
        (rows_from_bytes(packed(0) + packed(0)), 1),
        (rows_of(), 1),
    ],
    ids=["missing", "beyond and twice", "too many", "unknown outcome", "twice and missing", "twice", "empty"],
)
def test_a_ledger_that_does_not_balance_says_so(rows: Rows, scheduled: int) -> None:
    assert not ledger(rows, scheduled).balanced


def test_nearest_rank_gives_values_that_were_seen() -> None:
    values = np.arange(100, 0, -1)
    assert [nearest_rank(values, p) for p in (1, 500, 901, 990, 1000)] == [1, 50, 91, 99, 100]
    assert nearest_rank(np.array([7]), 990) == 7


@given(st.lists(st.integers(-(2**60), 2**60), min_size=1), st.integers(1, 1000))
def test_nearest_rank_is_the_smallest_that_enough_do_not_exceed(values: list[int], per_mille: int) -> None:
    value = nearest_rank(np.array(values, np.int64), per_mille)
    assert value in values
    assert 1000 * sum(v <= value for v in values) >= per_mille * len(values)
    assert 1000 * sum(v < value for v in values) < per_mille * len(values)


def test_a_quantile_of_nothing_is_an_error() -> None:
    with pytest.raises(ValueError, match="nothing"):
        nearest_rank(np.zeros(0, np.int64), 500)


def test_a_ledger_counts_what_is_missing_twice_and_beyond() -> None:
    book = ledger(rows_from_bytes(packed(0) + packed(0) + packed(2) + packed(9) + packed(9)), 4)
    assert (book.missing, book.repeated, book.unreadable) == (2, 2, 1)


def test_rows_that_somebody_took_away_are_told_of_in_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(MachineError, match=r"cannot be read from .*samples\.rows: No such file"):
        read_rows(tmp_path / "samples.rows")
