"""Two runs are begun together, the next two when both are over, and what is alone has nobody beside it."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

import pytest
from beside import COUNT, TRIES, TURNS, Run, alone, beside

DEADLINE_S = 20.0


class Watched:
    """Who is under way now, and who was at each beginning."""

    def __init__(self) -> None:
        self.now: set[int] = set()
        self.met: list[set[int]] = []
        self.lock = threading.Lock()

    @contextmanager
    def under_way(self, name: int) -> Iterator[None]:
        with self.lock:
            self.now.add(name)
            self.met.append(set(self.now))
        yield
        with self.lock:
            self.now.remove(name)


def until(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + DEADLINE_S
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.01)


def never(_: object) -> bool:
    return False


def test_nobody_begins_while_another_pair_is_at_work() -> None:
    watched = Watched()
    together = threading.Barrier(COUNT)

    def run(name: int) -> Run[int]:
        def once(_: int) -> int:
            with watched.under_way(name):
                together.wait(DEADLINE_S)  # breaks unless there are two
            return name

        return Run(once, never)

    with beside({name: run(name) for name in range(3 * COUNT)}) as told:
        assert [told[name].result(DEADLINE_S) for name in told] == list(range(3 * COUNT))
    assert all(len({name // COUNT for name in met}) == 1 for met in watched.met)


def test_what_the_neighbour_has_spoilt_is_run_again_alone() -> None:
    watched = Watched()

    def run(name: int) -> Run[tuple[int, int]]:
        def once(number: int) -> tuple[int, int]:
            with watched.under_way(name):
                if number:
                    assert watched.now == {name}
            return name, number

        return Run(once, lambda told: told[1] < name)

    with beside({name: run(name) for name in (0, 1, 2, 9)}) as told:
        results = [future.result(DEADLINE_S) for future in told.values()]
    assert results == [(0, 0), (1, 1), (2, 2), (9, TRIES - 1)]


def test_who_asks_for_a_turn_has_it_after_the_pair_that_is_at_work() -> None:
    order: list[str] = []
    hold = threading.Event()

    def run(name: str) -> Run[None]:
        def once(_: int) -> None:
            assert hold.wait(DEADLINE_S)
            order.append(name)

        return Run(once, never)

    asked = threading.Thread(target=lambda: alone(Run(lambda _: order.append("alone"), never)))
    with beside({name: run(name) for name in ("a", "b", "c", "d")}) as told:
        until(lambda: TURNS.asked == 1)
        asked.start()
        until(lambda: TURNS.asked == 2)
        hold.set()
        told["d"].result(DEADLINE_S)
    asked.join(DEADLINE_S)
    assert order.index("alone") == 2


def test_an_error_is_told_and_what_was_not_begun_at_the_end_never_is() -> None:
    def fails(_: int) -> None:
        raise ValueError("of the run")

    begun: list[int] = []
    hold = threading.Event()

    def run(number: int, _: int) -> None:
        begun.append(number)
        assert hold.wait(DEADLINE_S)

    failing = {"error": Run(fails, never), "well": Run(lambda _: None, never)}
    with beside(failing) as told, pytest.raises(ValueError, match="of the run"):
        told["error"].result(DEADLINE_S)
    with beside({n: Run(partial(run, n), never) for n in range(COUNT + 2)}) as more:
        until(lambda: len(begun) == COUNT)
        more[COUNT + 1].add_done_callback(lambda _: hold.set())  # only then do the others end
    assert sorted(begun) == list(range(COUNT))
    assert [future.cancelled() for future in more.values()] == [False] * COUNT + [True] * 2
