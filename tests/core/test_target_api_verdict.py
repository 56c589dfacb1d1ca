"""The readiness verdict: when it turns, and when it is too old to be believed."""

import pytest

from target_api.readiness import MAX_AGE_S, ReadyVerdict


def after(results: str) -> ReadyVerdict:
    """The verdict after results given as + and -, one each second."""
    verdict = ReadyVerdict()
    for second, result in enumerate(results):
        verdict.note(result == "+", f"failed at {second}", float(second))
    return verdict


@pytest.mark.parametrize(
    ("results", "ready"),
    [
        ("", False),
        ("+", True),  # the first good one after the start counts at once
        ("---+", True),
        ("+-", True),
        ("+--", False),
        ("+-+-+-", True),
        ("+--+", False),
        ("+--++", True),
        ("+--+-+", False),
        ("+--+-++", True),
    ],
)
def test_two_equal_results_in_a_row_turn_it(results: str, ready: bool) -> None:
    verdict = after(results)
    assert verdict.ready is ready
    assert (verdict.reason_not_ready(float(len(results))) is None) is ready


def test_a_result_against_the_verdict_asks_for_a_second_one_soon() -> None:
    assert [after(results).pending for results in ("+", "+-", "+--", "+--+", "+--++")] == [0, 1, 0, 1, 0]


def test_it_says_why_and_not_only_that() -> None:
    assert after("+--").reason_not_ready(3.0) == "failed at 2"
    assert after("").reason_not_ready(0.0) == "The database was not reached yet."


def test_a_verdict_that_nobody_refreshes_is_not_believed() -> None:
    verdict = after("+")
    assert verdict.reason_not_ready(MAX_AGE_S) is None
    assert verdict.reason_not_ready(MAX_AGE_S + 0.1) is not None
