"""Begins each arrival when it is due, whether or not those before it are over.

Each user serves one arrival at a time. An arrival that finds no idle user of its class gets a new one, as long as there
are fewer than the profile has connections; else it waits, in order, and what waits too long is recorded as not sent.
"""

import collections
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import gevent
import gevent.event
import numpy as np
from locust import User

from harness.load.flows.book import Book
from harness.load.flows.flow import Flow
from harness.load.flows.tasks import Task
from harness.load.flows.users import Arrival, OpenUser
from harness.load.profile import Profile
from harness.load.replay import open_schedule
from harness.load.schedule import random_units
from harness.model.rows import Outcome

_BURST = 8  # arrivals begun before others get their turn
_USER, _TASK = 15_485_863, 32_452_843  # set the choices apart from each other and from the schedule's
_AHEAD_S = 0.1  # users that stand ready: as many as come in this time

Spawn = Callable[[type[User]], OpenUser]


class OpenModel:
    """The desk of its users."""

    def __init__(self, profile: Profile, book: Book, new_flow: Callable[[], Flow]) -> None:
        self._profile, self._book, self.new_flow = profile, book, new_flow
        self._schedule = open_schedule(profile)
        self._classes: list[type[User]] = []
        self._kinds: dict[str, type[User]] = {}
        self._borders = np.zeros(0)
        self._spawn: Spawn | None = None
        self._idle: dict[str, list[OpenUser]] = {}
        self._users: dict[str, int] = {}
        self._waiting: dict[str, collections.deque[Arrival]] = {}
        self._serving: dict[int, Arrival] = {}
        self._handed: dict[OpenUser, Any] = {}
        self._t0 = 0
        self.begun = 0

    @property
    def arrivals(self) -> int:
        return len(self._schedule)

    @property
    def waiting(self) -> int:
        return sum(len(queue) for queue in self._waiting.values())

    @property
    def serving(self) -> int:
        return len(self._serving)

    def open(self, classes: Sequence[type[User]], spawn: Spawn) -> None:
        """Before the start: some users of each class stand ready, so that the first arrivals need not wait."""
        self._classes, self._spawn = list(classes), spawn
        self._kinds = {each.__name__: each for each in classes}
        self._borders = np.cumsum([float(each.weight) for each in classes])
        shares = np.diff(self._borders, prepend=0.0) / self._borders[-1]
        for each, share in zip(classes, shares, strict=True):
            name = each.__name__
            self._idle[name], self._users[name], self._waiting[name] = [], 0, collections.deque()
            wanted = 1 + int(self._profile.segments[0].rate_rps * _AHEAD_S * share)
            for _ in range(min(wanted, self._profile.connection_limit())):
                self._new_user(name, None)

    def send(self, t0: int, stopping: Any) -> None:
        self._t0 = t0
        burst = 0
        for arrival, name in self._due():
            wait_ns = arrival.intended - time.monotonic_ns()
            if wait_ns > 0:
                burst = 0
                stopping.wait(wait_ns / 1e9)
            else:
                burst += 1
                if burst % _BURST == 0:
                    gevent.sleep(0)
            if stopping.is_set():
                return
            self.begun = arrival.k + 1
            self._hand_out(arrival, name)

    def give_up(self) -> None:
        """Arrivals that have waited too long for a user."""
        oldest = time.monotonic_ns() - int(self._profile.queue_timeout_s * 1e9)
        for queue in self._waiting.values():
            while queue and queue[0].intended < oldest:
                self._lose(queue.popleft(), Outcome.NOT_SENT)

    def cancel_waiting(self) -> None:
        for queue in self._waiting.values():
            left = list(queue)
            queue.clear()
            self._cancel(left)

    def cancel_rest(self) -> None:
        """Everything that was not begun, and what no user came to take."""
        self.cancel_waiting()
        for arrival in list(self._serving.values()):
            self._lose(arrival, Outcome.NOT_SENT_STOP)
        self._cancel([arrival for arrival, _ in self._due(self.begun)])
        self.begun = self.arrivals

    # What follows is for the users.

    def next(self, user: OpenUser) -> Arrival:
        if user.handed is None:
            waiting = self._waiting[type(user).__name__]
            if waiting:
                user.handed = waiting.popleft()
                self._serving[user.handed.k] = user.handed
            else:
                self._wait(user)
        arrival, user.handed = user.handed, None
        assert arrival is not None
        return arrival

    def ended(self, arrival: Arrival, flow: Flow, error: Exception | None) -> None:
        flow.settle()
        self._serving.pop(arrival.k, None)
        if flow.untaken():
            code = Outcome.FLOW_ERROR if error else Outcome.NO_REQUEST
            if flow.limits.closed and not error:
                code = Outcome.NOT_SENT_STOP
            self._book.no_request(arrival.k, arrival.intended, arrival.name, code)
        elif error:
            self._book.broke(arrival.name, arrival.intended)

    def _wait(self, user: OpenUser) -> None:
        idle = self._idle[type(user).__name__]
        called = self._handed[user] = gevent.event.Event()
        idle.append(user)
        try:
            while user.handed is None:
                called.wait()
        except BaseException:
            if user in idle:
                idle.remove(user)
            raise
        finally:
            self._handed.pop(user, None)

    def _hand_out(self, arrival: Arrival, name: str) -> None:
        idle = self._idle[name]
        if idle:
            user = idle.pop()  # the one that was used last
            user.handed = arrival
            self._serving[arrival.k] = arrival
            self._handed[user].set()
        elif self._users[name] < self._profile.connection_limit():
            self._serving[arrival.k] = arrival
            self._new_user(name, arrival)
        else:
            self._waiting[name].append(arrival)

    def _new_user(self, name: str, arrival: Arrival | None) -> None:
        assert self._spawn is not None
        user = self._spawn(self._kinds[name])
        user.handed = arrival
        self._users[name] += 1
        user.greenlet.link(lambda _: self._left(user, name))

    def _left(self, user: OpenUser, name: str) -> None:
        """Its greenlet has ended: on_start failed, a task raised StopUser, or the load is over."""
        self._users[name] -= 1
        arrival, user.handed = user.handed, None
        if arrival is not None and arrival.k in self._serving:
            self._lose(arrival, Outcome.NOT_SENT_STOP if user.flow.limits.closed else Outcome.FLOW_ERROR)
        waiting = self._waiting[name]
        if waiting and not user.flow.limits.closed:
            self._hand_out(waiting.popleft(), name)

    def _lose(self, arrival: Arrival, code: Outcome) -> None:
        self._serving.pop(arrival.k, None)
        if code is Outcome.NOT_SENT_STOP:
            self._cancel([arrival])
        else:
            self._book.no_request(arrival.k, arrival.intended, arrival.name, code)

    def _cancel(self, left: Sequence[Arrival]) -> None:
        self._book.cancelled([each.k for each in left], [each.intended for each in left])

    def _due(self, first: int = 0) -> Iterator[tuple[Arrival, str]]:
        """Arrivals from a number on, with the class of their user: by weight, from a hash of number and seed."""
        seed = self._profile.seed
        for block in self._schedule.blocks(first):
            numbers = block.numbers
            times = (block.intended_ns + self._t0).tolist()
            kinds = np.searchsorted(self._borders, random_units(seed + _USER, numbers) * self._borders[-1], "right")
            draws = random_units(seed + _TASK, numbers).tolist()
            for k, due, kind, draw in zip(numbers.tolist(), times, kinds.tolist(), draws, strict=True):
                user = self._classes[min(kind, len(self._classes) - 1)]
                choose = _chooser(draw)
                yield Arrival(k, due, user.__name__, choose(user.tasks), choose), user.__name__


def _chooser(draw: float) -> Callable[[Sequence[Task]], Task]:
    """Chooses among tasks, a nested set's with the decimals that the choice before it left."""
    rest = draw

    def choose(tasks: Sequence[Task]) -> Task:
        nonlocal rest
        whole = int(rest * len(tasks))
        rest = rest * len(tasks) - whole
        return tasks[min(whole, len(tasks) - 1)]

    return choose
