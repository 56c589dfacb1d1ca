"""The ladder of timeouts: what is surely the wrong way round, what is not known, and each step broken alone."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.model.ladder import (
    COMMAND,
    DIRECT,
    GRACEFUL,
    LADDER,
    REQUEST,
    RUNGS,
    STATEMENT,
    Inequality,
    Rung,
    inverted,
    ladder,
    told_s,
)

ORDERED: dict[Rung, float] = {
    "statement": 2.5,
    "command": 3.0,
    "acquire": 1.0,
    "request": 10.0,
    "proxy": 15.0,
    "client": 30.0,
    "drain": 5.0,
    "close": 5.0,
    "graceful": 30.0,
    "termination": 40.0,
}


def test_the_settings_of_the_facts_are_in_order() -> None:
    assert inverted(ORDERED) == ()
    assert all(each.state(ORDERED) == "ordered" for each in LADDER)


@pytest.mark.parametrize("each", LADDER, ids=lambda each: each.name)
def test_each_inequality_can_be_broken_and_is_named_alone(each: Inequality) -> None:
    """The right side is lowered to the left, and what stands on it is let go."""
    values: dict[Rung, float] = {**ORDERED, each.right: each.least_s(ORDERED) or 0.0}
    above = [other for other in LADDER if other is not each and any(name == each.right for _, name in other.left)]
    assert inverted(values) == (each, *(other for other in above if other.state(values) == "inverted"))
    assert each in inverted(values)
    assert len(inverted(values)) == 1


def test_without_a_proxy_the_request_stands_against_the_client() -> None:
    values: dict[Rung, float] = {name: s for name, s in ORDERED.items() if name != "proxy"}
    assert DIRECT in ladder(proxy=False)
    assert REQUEST not in ladder(proxy=False)
    assert inverted({**values, "client": 9.0}) == (DIRECT,)


def test_a_sum_that_is_too_much_already_is_inverted_though_not_all_of_it_is_known() -> None:
    assert COMMAND.state({"command": 6.0, "request": 10.0}) == "inverted"
    assert COMMAND.state({"command": 4.0, "request": 10.0}) == "unknown", "acquiring may take the rest"
    assert COMMAND.state({"command": 4.0, "acquire": 1.0, "request": 10.0}) == "ordered"
    assert GRACEFUL.state({"request": 10.0, "graceful": 8.0}) == "inverted"
    assert STATEMENT.state({"command": 3.0}) == STATEMENT.state({"statement": 3.0}) == "unknown"


def test_a_limit_that_is_not_there_is_above_every_other() -> None:
    assert inverted({"statement": math.inf, "command": 3.0}) == (STATEMENT,)
    assert inverted({"statement": 3.0, "command": math.inf}) == ()
    assert (told_s(math.inf), told_s(2.5)) == ("never", "2.5 s")


def test_slack_lets_an_answer_at_the_very_end_be_in_time() -> None:
    values: dict[Rung, float] = {"command": 5.1, "request": 10.0}
    assert (COMMAND.state(values), COMMAND.state(values, 0.5)) == ("inverted", "unknown")


@given(st.dictionaries(st.sampled_from(sorted(RUNGS)), st.floats(0, 1000)))
def test_an_inequality_is_never_both_ways(values: dict[Rung, float]) -> None:
    for each in ladder(proxy="proxy" in values):
        state = each.state(values)
        whole = each.right in values and all(name in values for _, name in each.left)
        if whole:
            left = sum(times * values[name] for times, name in each.left)
            assert state == ("inverted" if left >= values[each.right] else "ordered")
        else:
            assert state != "ordered"


def test_each_says_why_what_is_seen_and_what_to_change() -> None:
    names = [each.name for each in (*LADDER, DIRECT)]
    assert names == [
        "statement < command",
        "acquire + 2 × command < request",
        "request < proxy",
        "proxy < client",
        "drain + request + close < graceful",
        "graceful < termination",
        "request < client",
    ]
    assert all(each.why and each.seen and each.advice for each in (*LADDER, DIRECT))
