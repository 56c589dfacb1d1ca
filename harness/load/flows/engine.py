"""A load of flows from the start to the last row, in either model.

After a stop nothing new is sent and what is open may end. Without one, tasks that are under way at the end of the
schedule may go on for one timeout of the client; what is open then may end. Every arrival has its row.
"""

import time
import weakref
from collections.abc import Sequence
from typing import Any, Literal

import gevent
import gevent.event
from locust import User
from locust.env import Environment
from locust.event import Events
from locust.runners import STATE_RUNNING

from harness.load.flows import clients  # noqa: F401  puts taps into Locust's clients
from harness.load.flows.attempt import resolve
from harness.load.flows.book import Book, TellLines
from harness.load.flows.closed_model import ClosedModel
from harness.load.flows.flow import Flow
from harness.load.flows.open_model import OpenModel
from harness.load.flows.turns import Turns
from harness.load.flows.users import FlowUser, OpenUser, made_for
from harness.load.messages import LoadSum
from harness.load.profile import Profile
from harness.load.replay import open_schedule
from harness.load.row_writer import RowWriter

_TICK_S = 0.02
_TICKS_PER_FLUSH = 5


class FlowLimits:
    """What the taps have to know; `closed` means that nothing new is sent."""

    def __init__(self, profile: Profile) -> None:
        self.address = resolve(profile.host, profile.port)
        self.connect_timeout_s = profile.connect_timeout_s
        self.timeout_ns = int(profile.timeout_s * 1e9)
        self.pid_header = profile.pid_header.lower().encode()
        self.turns = Turns()
        self.closed = False
        self.connections = 0

    def next_connection(self) -> int:
        self.connections += 1
        return self.connections


class Engine:
    """`users` is how many there are in a closed model. `events` have the listeners of the file, if it has any."""

    def __init__(
        self,
        profile: Profile,
        rows: RowWriter,
        classes: Sequence[type[User]],
        tell: TellLines,
        *,
        model: Literal["open", "closed"] = "open",
        users: int = 0,
        events: Events | None = None,
    ) -> None:
        self._profile = profile
        self.limits = FlowLimits(profile)
        self._flows: weakref.WeakSet[Flow] = weakref.WeakSet()  # a user that ends takes its flow along
        self._book = Book(rows, 0 if model == "closed" else len(open_schedule(profile)), tell)
        self._open = OpenModel(profile, self._book, self._new_flow) if model == "open" else None
        self._closed = ClosedModel(users, profile.duration_s, self._book, self._new_flow) if model == "closed" else None
        kind = OpenUser if self._open else FlowUser
        host = f"[{profile.host}]" if ":" in profile.host else profile.host
        url = f"http://{host}:{profile.port}"
        made = [made_for(kind, self._open or self._closed, each, url) for each in classes]  # type: ignore[arg-type]
        self.environment = Environment(user_classes=made, host=url, events=events)
        self.runner = self.environment.create_local_runner()
        self.environment.events.init.fire(environment=self.environment, runner=self.runner, web_ui=None)  # type: ignore[no-untyped-call]
        self._started: Any = gevent.event.Event()
        self._stopping: Any = gevent.event.Event()
        self._t0 = self._drain_until = 0
        self.reason = "schedule"
        self.failure: Exception | None = None

    @property
    def _model(self) -> OpenModel | ClosedModel:
        model = self._open or self._closed
        assert model is not None
        return model

    @property
    def arrivals(self) -> int:
        return self._model.arrivals

    @property
    def connections_opened(self) -> int:
        return self.limits.connections

    def start(self, t0_ns: int, origin_ns: int) -> None:
        self._t0, self._book.origin = t0_ns, origin_ns
        self._started.set()

    def stop(self, reason: str, drain_s: float) -> None:
        """The first reason is kept. A second stop can only shorten the drain."""
        until = time.monotonic_ns() + int(drain_s * 1e9)
        if self._stopping.is_set():
            self._drain_until = min(self._drain_until, until)
            return
        self.reason, self._drain_until = reason, until
        if not self._started.is_set():
            self.start(time.monotonic_ns(), time.monotonic_ns())
        self._stopping.set()

    def run(self) -> None:
        self._started.wait()
        ticker = gevent.spawn(self._tick)
        try:
            self._send_all()
            self._drain()
        finally:
            self.limits.closed = True
            if self.runner.spawning_greenlet:
                self.runner.spawning_greenlet.kill()
            self.runner.user_greenlets.kill()
            ticker.kill()
            if self._open:
                self._open.cancel_rest()
            for flow in list(self._flows):
                flow.settle()
            self._book.flush()
            self.runner.stop()  # tells the file's listeners

    def window(self) -> LoadSum:
        return self._book.window(self._model.begun, self._model.waiting)

    def totals(self) -> dict[str, Any]:
        return self._book.totals(self._model.begun, self._model.waiting)

    def _new_flow(self) -> Flow:
        flow = Flow(self.limits, self._book.begun, self._book.record)
        self._flows.add(flow)
        return flow

    def _send_all(self) -> None:
        if self._closed:
            self._closed.open(self.environment)
            self._wait_until(self._t0)
            self._closed.send(self.environment, self._stopping)
            return
        assert self._open
        self._wait_until(self._book.origin)  # a row has no moment before it
        self.environment.events.test_start.fire(environment=self.environment)  # type: ignore[no-untyped-call]
        self.runner.update_state(STATE_RUNNING)
        self._open.open(self.environment.user_classes, self._new_user)
        self._open.send(self._t0, self._stopping)

    def _new_user(self, kind: type[User]) -> OpenUser:
        """As the runner's own spawn_users does, which counts all users each time."""
        user = kind(self.environment)
        assert isinstance(user, OpenUser)
        user.start(self.runner.user_greenlets)
        return user

    def _wait_until(self, moment_ns: int) -> None:
        self._stopping.wait(max(0.0, (moment_ns - time.monotonic_ns()) / 1e9))

    def _drain(self) -> None:
        timeout_ns = int(self._profile.timeout_s * 1e9)
        close_at = time.monotonic_ns() + (timeout_ns if self._open else 0)
        end_at = close_at + timeout_ns + int(self._profile.connect_timeout_s * 1e9)
        while True:
            now = time.monotonic_ns()
            if self._stopping.is_set():
                close_at, end_at = now, min(end_at, self._drain_until)
            if now >= close_at and not self.limits.closed:
                self.limits.closed = True
                if self._open:
                    self._open.cancel_waiting()
            if now >= end_at or not self._is_busy():
                return
            gevent.sleep(_TICK_S)

    def _is_busy(self) -> bool:
        """Whether anything may still come: a request that is open, what a flow is about to say of an answer, and until
        the close a task that may make a request.
        """
        if self.limits.turns.awaited or any(flow.busy for flow in list(self._flows)):
            return True
        return not self.limits.closed and (self._model.waiting > 0 or self._model.serving > 0)

    def _tick(self) -> None:
        ticks = 0
        while True:
            before = time.monotonic_ns()
            gevent.sleep(_TICK_S)
            self._book.note_hub_lag(max(0, time.monotonic_ns() - before - int(_TICK_S * 1e9)))
            ticks += 1
            if self._open:
                self._open.give_up()
            if ticks % _TICKS_PER_FLUSH == 0:
                self._flush()

    def _flush(self) -> None:
        try:
            self._book.flush()
        except OSError as error:
            self.failure = self.failure or error
            self.stop("failure", 0)
