import numpy as np

from harness.model import samples
from harness.model.rows import PACK, Outcome, Rows, no_rows, rows_from_bytes

MS = 1_000_000


def row(k: int, due_ms: int, sent_ms: int, done_ms: int, code: Outcome = Outcome.OK, endpoint: int = 0) -> bytes:
    sent, done = (value * MS if value >= 0 else -1 for value in (sent_ms, done_ms))
    return PACK.pack(k, 1, due_ms * MS, sent, -1, done, code, endpoint, 200, 0, 0, 0)


def rows_of(*packed: bytes) -> Rows:
    return rows_from_bytes(b"".join(packed))


LOAD = rows_of(
    row(0, 100, 101, 110),
    row(1, 900, 901, 1500, endpoint=1),
    row(2, 1100, 1100, 1160, Outcome.BAD_STATUS),
    row(3, 1200, 1200, 3200, Outcome.TIMEOUT),
    row(4, 1300, -1, 3300, Outcome.NOT_SENT),
    row(5, 3500, 3500, 3900, Outcome.UNFINISHED, endpoint=1),
    row(6, 4800, -1, -1, Outcome.NOT_SENT_STOP, endpoint=1),
)
OURS = row(7, 1400, -1, -1, Outcome.NOT_SENT_LATE)


def numbers(rows: Rows) -> list[int]:
    return [int(k) for k in rows["k"]]


def test_a_phase_holds_what_lies_wholly_inside() -> None:
    assert numbers(samples.inside(LOAD, 0, 1000 * MS)) == [0]
    assert numbers(samples.inside(LOAD, 1000 * MS, 2000 * MS)) == [2]
    assert numbers(samples.inside(LOAD, 0, 5000 * MS)) == [0, 1, 2, 3, 4, 5, 6]


def test_a_fault_holds_what_was_open_in_it() -> None:
    assert numbers(samples.overlapping(LOAD, 1000 * MS, 2000 * MS)) == [1, 2, 3, 4]
    assert numbers(samples.overlapping(LOAD, 3000 * MS, 3400 * MS)) == [3, 4]
    assert numbers(samples.overlapping(LOAD, 4700 * MS, 4900 * MS)) == [6]


def test_request_lines_can_be_taken_apart() -> None:
    assert numbers(samples.of_endpoint(LOAD, 1)) == [1, 5, 6]


def test_response_counts_from_the_intended_start_and_service_from_the_send() -> None:
    assert (samples.response_ns(LOAD) // MS).tolist() == [10, 600, 60]
    assert (samples.service_ns(LOAD) // MS).tolist() == [9, 599, 60]
    assert (samples.send_lag_ns(LOAD) // MS).tolist() == [1, 1, 0, 0, 0]


def test_quantiles_are_values_that_were_seen() -> None:
    times = samples.quantiles(np.arange(1, 201))
    assert times == samples.Quantiles(200, 100, 180, 198, 200)
    assert samples.quantiles(samples.response_ns(no_rows())) is None


def test_errors_leave_out_what_the_end_of_the_load_cut_off() -> None:
    share = samples.errors(LOAD)
    assert (share.count, share.n, share.value) == (3, 5, 0.6)
    assert samples.errors(no_rows()) == samples.Share(0, 0)


def test_what_got_no_answer_is_over_the_limit() -> None:
    assert samples.over_limit(LOAD, 100 * MS) == samples.Share(4, 6)
    assert samples.over_limit(LOAD, 500 * MS) == samples.Share(3, 5)


def test_what_the_generator_itself_was_late_with_is_no_error() -> None:
    rows = rows_of(LOAD.tobytes(), OURS)
    assert samples.errors(rows) == samples.errors(LOAD)
    assert samples.over_limit(rows, 100 * MS) == samples.over_limit(LOAD, 100 * MS)


def test_a_write_is_acknowledged_by_an_expected_answer_only() -> None:
    assert numbers(samples.acknowledged(LOAD, (True, False))) == [0]
    assert numbers(samples.acknowledged(LOAD, (False, False))) == []
