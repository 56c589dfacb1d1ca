"""The Locust side: one user whose single task is the whole load, and Locust's own events for every request.

Hooks and statistics that somebody writes for Locust see each request as they would from any Locust user. They are a
view: what is judged are the rows, for Locust rounds its times and knows nothing of what is still open.
"""

from collections.abc import Callable

from locust import User
from locust.env import Environment
from locust.exception import StopUser

from harness.load.locust_http import Attempt
from harness.load.profile import Profile
from harness.model.rows import Outcome


class RequestFailed(Exception):
    """Tells Locust's statistics why a request counts as a failure."""


class LocustSide:
    def __init__(self, profile: Profile) -> None:
        self._lines = [(line.method, line.name) for line in profile.requests]
        self._failures = {outcome: RequestFailed(outcome.name.lower()) for outcome in Outcome if outcome}
        self._drive: Callable[[], None] | None = None
        self.environment = Environment(user_classes=[self._user_class()], host=f"http://{profile.host}:{profile.port}")
        self.runner = self.environment.create_local_runner()

    def begin(self, drive: Callable[[], None]) -> None:
        """Starts the user; `drive` is its task and catches its own errors."""
        self._drive = drive
        self.runner.start(1, spawn_rate=1)

    def report(self, attempt: Attempt) -> None:
        method, name = self._lines[attempt.endpoint]
        self.environment.events.request.fire(  # type: ignore[no-untyped-call]
            request_type=method,
            name=name,
            response_time=(attempt.done - attempt.intended) / 1e6,
            response_length=attempt.size,
            exception=self._failures.get(attempt.code),
            context={},
        )

    @property
    def requests(self) -> int:
        return int(self.environment.stats.total.num_requests)

    @property
    def failures(self) -> int:
        return int(self.environment.stats.total.num_failures)

    def end(self) -> None:
        self.runner.quit()

    def _user_class(self) -> type[User]:
        side = self

        def load(user: User) -> None:
            if side._drive is not None:
                side._drive()
            raise StopUser

        return type("OpenLoad", (User,), {"tasks": [load], "abstract": False})
