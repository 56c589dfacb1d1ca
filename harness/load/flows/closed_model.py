"""The file as Locust itself runs it: so many users, each of which waits for its answer before it goes on.

No arrival is due at any moment, so that a service which stalls is asked less. What is measured then are the answers
that were asked for, not what users would have met; reports say so.
"""

from collections.abc import Callable
from typing import Any

from locust.env import Environment

from harness.load.flows.book import Book
from harness.load.flows.flow import Flow
from harness.load.flows.users import Arrival, FlowUser, OpenUser

_SPAWN_RATE = 100.0


class ClosedModel:
    arrivals = begun = waiting = serving = 0

    def __init__(self, users: int, duration_s: float, book: Book, new_flow: Callable[[], Flow]) -> None:
        self._users, self._duration_s, self._book, self.new_flow = users, duration_s, book, new_flow

    def open(self, environment: Environment) -> None:
        environment.events.user_error.add_listener(self._note_error)  # type: ignore[no-untyped-call]

    def send(self, environment: Environment, stopping: Any) -> None:
        assert environment.runner is not None
        environment.runner.start(self._users, spawn_rate=min(self._users, _SPAWN_RATE))
        stopping.wait(self._duration_s)

    def next(self, user: OpenUser) -> Arrival:
        raise AssertionError("nobody arrives in a closed model")

    def ended(self, arrival: Arrival, flow: Flow, error: Exception | None) -> None:
        raise AssertionError("nobody arrives in a closed model")

    def _note_error(self, user_instance: Any, **_: Any) -> None:
        """Raised by a task or by on_start; the instance is the user or the TaskSet."""
        user = getattr(user_instance, "user", user_instance)
        if isinstance(user, FlowUser):
            user.flow.settle()
            self._book.broke_now(type(user).__name__)
