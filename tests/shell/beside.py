"""Runs of the command two beside each other: most of a run is waiting, and leaves most of two cores to a second one.

A start is what costs, so two are begun together: nobody starts while another is measured.

    start ─ warm-up ─ fault ─ end │ start ─ …
    start ─ warm-up ─ … ───── end │ start ─ …

Each watches the machine as always. What the neighbour spoils all the same is run again, alone.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import pytest

COUNT = 2
TRIES = 4

Key = TypeVar("Key")
Told = TypeVar("Told")


@dataclass(frozen=True)
class Run(Generic[Told]):
    """`once` takes the number of the try; `is_unfit`: the machine was not fit to judge what it told."""

    once: Callable[[int], Told]
    is_unfit: Callable[[Told], bool]


class Turns:
    """A lock that is handed on in the order of asking."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._given = self._over = 0

    def __enter__(self) -> None:
        with self._changed:
            mine = self._given
            self._given += 1
            self._changed.wait_for(lambda: self._over == mine)

    def __exit__(self, *_: object) -> None:
        with self._changed:
            self._over += 1
            self._changed.notify_all()

    @property
    def asked(self) -> int:
        """How many have the turn or wait for it."""
        return self._given - self._over


TURNS = Turns()


def alone(run: Run[Told], first_try: int = 0) -> Told:
    """What the first try says for which the machine is fit, or the last one."""
    for number in range(first_try, TRIES):
        with TURNS:
            told = run.once(number)
        if not run.is_unfit(told):
            break
    return told


@contextmanager
def beside(runs: Mapping[Key, Run[Told]]) -> Iterator[Mapping[Key, Future[Told]]]:
    """All of them, in this order; what was not begun at the end never is."""
    told: dict[Key, Future[Told]] = {key: Future() for key in runs}
    thread = threading.Thread(target=_run_all, args=(runs, told))
    thread.start()
    try:
        yield told
    finally:
        for future in told.values():
            future.cancel()
        thread.join()


def _run_all(runs: Mapping[Key, Run[Told]], told: Mapping[Key, Future[Told]]) -> None:
    keys = list(runs)
    with ThreadPoolExecutor(COUNT) as pool:
        for at in range(0, len(keys), COUNT):
            pair = [key for key in keys[at : at + COUNT] if told[key].set_running_or_notify_cancel()]
            with TURNS:
                first = {key: pool.submit(runs[key].once, 0) for key in pair}
                wait(first.values())
            spoilt = [key for key in pair if _is_open(runs[key], first[key])]
            for key in sorted(pair, key=spoilt.__contains__):  # who waits for no second try first
                _tell(told[key], pool.submit(alone, runs[key], 1) if key in spoilt else first[key])


def _is_open(run: Run[Told], first: Future[Told]) -> bool:
    return first.exception() is None and run.is_unfit(first.result())


def _tell(told: Future[Told], seen: Future[Told]) -> None:
    error = seen.exception()
    if error is None:
        told.set_result(seen.result())
    else:
        told.set_exception(error)


def asked_for(request: pytest.FixtureRequest, parameter: str) -> list[Any]:
    """Its values in those tests of the module that were selected: nothing else need be run."""
    calls = (getattr(item, "callspec", None) for item in request.session.items if request.node in item.iter_parents())
    return [call.params[parameter] for call in calls if call is not None and parameter in call.params]
