"""The user classes of a file, made to do one of two things: wait for arrivals, or run as Locust runs them.

Locust's `User.run` is final, and what it runs are the `tasks` of the instance: so an instance of an open model has one
task of ours, which waits for an arrival and then runs one of the class's own.
"""

from typing import Any, Protocol

from gevent import GreenletExit
from locust import User
from locust.exception import StopTest, StopUser
from locust.user.task import LOCUST_STATE_RUNNING, LOCUST_STATE_WAITING

from harness.load.flows.flow import Flow
from harness.load.flows.tasks import Choose, Task, name_of, perform


class Arrival:
    """Number, moment at which it is due, and the task that it executes."""

    __slots__ = ("choose", "intended", "k", "name", "task")

    def __init__(self, k: int, intended: int, user: str, task: Task, choose: Choose) -> None:
        self.k, self.intended, self.task, self.choose = k, intended, task, choose
        self.name = f"{user}.{name_of(task)}"


class Desk(Protocol):
    """Where users come from and get their work."""

    def new_flow(self) -> Flow: ...
    def next(self, user: "OpenUser") -> Arrival: ...
    def ended(self, arrival: Arrival, flow: Flow, error: Exception | None) -> None: ...


class FlowUser(User):
    """Any user whose requests are recorded."""

    abstract = True
    desk: Desk

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.flow = self.desk.new_flow()

    def on_start(self) -> None:
        self.flow.adopt()
        try:
            super().on_start()
        finally:
            self.flow.settle()

    def on_stop(self) -> None:
        try:
            super().on_stop()  # type: ignore[no-untyped-call]
        finally:
            self.flow.settle()


class OpenUser(FlowUser):
    """Serves one arrival after the other; its wait_time holds only inside a task."""

    abstract = True

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.handed: Arrival | None = None
        self.tasks = [_serve]
        self.arrival = -1  # its number: what is to be unique for each arrival can be made of it
        self._in_task = False
        think = self.wait_time
        self.wait_time = lambda: think() if self._in_task else 0  # type: ignore[method-assign]


def _serve(user: OpenUser) -> None:
    user._state = LOCUST_STATE_WAITING  # a stop may end it here: nothing is in flight
    arrival = user.desk.next(user)
    user._state = LOCUST_STATE_RUNNING
    user.arrival = arrival.k
    user.flow.take(arrival.k, arrival.intended)
    error: Exception | None = None
    user._in_task = True
    try:
        perform(user, arrival.task, arrival.choose)
    except (GreenletExit, StopUser, StopTest):
        raise
    except Exception as raised:
        error = raised
        raise  # Locust tells it to the file's listeners and logs it
    finally:
        user._in_task = False
        user.desk.ended(arrival, user.flow, error)


def made_for(kind: type[FlowUser], desk: Desk, user: type[User], host: str) -> type[User]:
    """The class with the same name, tasks and weight. Its own host gives way to that of the load."""
    made = type(user.__name__, (kind, user), {"desk": desk, "host": host, "__module__": user.__module__})
    assert issubclass(made, User)
    return made
