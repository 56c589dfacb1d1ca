"""The circuit breaker by the clock of the test."""

import logging

import pytest

from target_api.breaker import Breaker, CircuitOpen, State


class Clock:
    now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


def made() -> tuple[Breaker, Clock, list[State]]:
    clock = Clock()
    seen: list[State] = []
    return Breaker(failures=3, window_s=10, pause_s=2, clock=clock, on_change=seen.append), clock, seen


def state(breaker: Breaker) -> State:
    return breaker.state


def fail(breaker: Breaker, times: int = 1) -> None:
    for _ in range(times):
        breaker.tell(breaker.ask(), ok=False)


def test_it_opens_after_so_many_failures_and_tells_when_to_come_back() -> None:
    breaker, clock, seen = made()
    fail(breaker, 2)
    assert state(breaker) is State.CLOSED
    fail(breaker)
    assert seen == [State.OPEN]
    clock.now_s += 0.5
    with pytest.raises(CircuitOpen) as caught:
        breaker.ask()
    assert caught.value.retry_after_s == 1.5


def test_failures_that_are_far_apart_do_not_open_it() -> None:
    breaker, clock, _ = made()
    for _ in range(20):
        fail(breaker)
        clock.now_s += 5.1
    assert state(breaker) is State.CLOSED


def test_after_the_pause_one_trial_decides() -> None:
    breaker, clock, seen = made()
    fail(breaker, 3)
    clock.now_s += 2
    trial = breaker.ask()
    with pytest.raises(CircuitOpen):
        breaker.ask()
    breaker.tell(trial, ok=False)
    assert state(breaker) is State.OPEN
    clock.now_s += 2
    breaker.tell(breaker.ask(), ok=True)
    assert seen == [State.OPEN, State.HALF_OPEN, State.OPEN, State.HALF_OPEN, State.CLOSED]
    fail(breaker, 2)
    assert state(breaker) is State.CLOSED, "the failures of before do not count again"


def test_an_answer_from_before_the_change_does_not_undo_it() -> None:
    breaker, clock, _ = made()
    early = breaker.ask()
    fail(breaker, 3)
    breaker.tell(early, ok=True)
    assert state(breaker) is State.OPEN
    clock.now_s += 2
    breaker.ask()
    breaker.tell(early, ok=True)
    assert state(breaker) is State.HALF_OPEN


def test_each_change_is_one_line(caplog: pytest.LogCaptureFixture) -> None:
    breaker, clock, _ = made()
    with caplog.at_level(logging.WARNING):
        fail(breaker, 3)
        clock.now_s += 2
        breaker.tell(breaker.ask(), ok=True)
    assert [record.getMessage() for record in caplog.records] == [
        "The circuit breaker is open, it was closed.",
        "The circuit breaker is half_open, it was open.",
        "The circuit breaker is closed, it was half_open.",
    ]
