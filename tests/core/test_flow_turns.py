"""Between two flows that go on, what came meanwhile is read."""

from collections.abc import Iterator

import gevent
import pytest

from harness.load.flows.turns import Turns


@pytest.fixture(autouse=True)
def hub() -> Iterator[None]:
    """gevent's loop of this thread, gone after the test."""
    yield
    gevent.get_hub().destroy(destroy_loop=True)


def test_what_came_meanwhile_is_read_before_the_next_goes_on() -> None:
    turns = Turns()
    seen: list[str] = []
    loop = gevent.get_hub().loop
    arrivals = [loop.timer(0.0) for _ in range(3)]  # of a socket's priority, and found by the next look

    def flow(name: str, number: int) -> None:
        turns.wait()
        seen.append(f"{name} goes on")
        arrivals[number].start(seen.append, f"read after {name}")

    flows = [gevent.spawn(flow, name, number) for number, name in enumerate("abc")]
    gevent.joinall(flows, timeout=20, raise_error=True)
    gevent.sleep(0.001)
    assert seen == [word for name in "abc" for word in (f"{name} goes on", f"read after {name}")]
    assert not turns.awaited


def test_many_that_wait_are_served_in_the_order_in_which_they_came() -> None:
    turns = Turns()
    came: list[int] = []
    served: list[int] = []

    def flow(number: int) -> None:
        for _ in range(2):
            came.append(number)
            turns.wait()
            served.append(number)

    flows = [gevent.spawn(flow, number) for number in range(300)]
    gevent.joinall(flows, timeout=20, raise_error=True)
    assert served == came
    assert len(served) == 600


def test_one_that_is_killed_while_it_waits_holds_up_nobody() -> None:
    turns = Turns()
    served: list[str] = []

    def flow(name: str) -> None:
        turns.wait()
        served.append(name)

    first, killed, last = (gevent.spawn(flow, name) for name in ("first", "killed", "last"))
    gevent.sleep(0)  # all three have begun
    killed.kill()
    gevent.joinall([first, last], timeout=20, raise_error=True)
    assert served == ["first", "last"]
    gevent.spawn(flow, "later").get(timeout=20)
    assert served == ["first", "last", "later"]
