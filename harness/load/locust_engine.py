"""Sends each arrival when it is due, whether or not the answers come: an open model.

    schedule ──due──▶ free slot? ──yes──▶ greenlet: idle connection, else a new one ──▶ send ──▶ answer ──▶ row
                          │ no                                                                      │
                          └──▶ waiting, in order ◀───────────── takes the next one that waits ──────┘

As many slots as connections; each carries one request at a time. What waits for longer than the profile allows is
recorded as not sent. After a stop nothing new is sent, what is open may end, and every arrival that was left has a row.
"""

import collections
import time
from collections.abc import Callable, Iterator
from typing import Any

import gevent
import gevent.event
import gevent.pool
import numpy as np
from gevent import GreenletExit

from harness.load.locust_http import Attempt, Connection, Exchange, connect, resolve
from harness.load.messages import LoadSum
from harness.load.meter import Meter
from harness.load.profile import Profile
from harness.load.replay import open_schedule
from harness.load.row_writer import RowWriter
from harness.load.values import Requests
from harness.model.rows import NO_CONN, NO_PID, NO_STATUS, ROW, Outcome

_BLOCK = 8192  # arrivals turned into Python numbers at a time
_BURST = 32  # arrivals sent before answers are looked at again
_TICK_S = 0.02
_TICKS_PER_FLUSH = 5
_TICKS_PER_SWEEP = 25


class Engine:
    """`sent` is called with each attempt that was tried, for Locust's statistics."""

    def __init__(self, profile: Profile, rows: RowWriter, sent: Callable[[Attempt], None]) -> None:
        self._profile = profile
        self._rows = rows
        self._report = sent
        self._schedule = open_schedule(profile).whole()
        self._requests = Requests(profile)
        self._address = resolve(profile.host, profile.port)
        self._exchange = Exchange(profile.timeout_s, profile.pid_header)
        self._slots: Any = gevent.pool.Pool(profile.connection_limit())
        self._waiting: collections.deque[tuple[int, int, int]] = collections.deque()
        self._idle: list[Connection] = []
        self._started: Any = gevent.event.Event()
        self._stopping: Any = gevent.event.Event()
        self._meter = Meter()
        self._t0 = self._origin = 0
        self._next = 0
        self._in_flight = 0
        self._drain_until = 0
        self.connections_opened = 0
        self.reason = "schedule"
        self.failure: Exception | None = None

    @property
    def arrivals(self) -> int:
        return len(self._schedule)

    def start(self, t0_ns: int, origin_ns: int) -> None:
        self._t0, self._origin = t0_ns, origin_ns
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
        """The whole load; the caller's greenlet is the scheduler."""
        self._started.wait()
        ticker = gevent.spawn(self._tick)
        try:
            self._send_all()
            self._drain()
        finally:
            ticker.kill()
            self._slots.kill()
            self._cancel_rest()
            for connection in self._idle:
                connection.close()
            self._rows.flush()

    def window(self) -> LoadSum:
        return self._meter.close_window(self.totals())

    def totals(self) -> dict[str, Any]:
        return self._meter.totals(
            origin=self._origin,
            scheduled=self.arrivals,
            due=self._next,
            in_flight=self._in_flight,
            waiting=len(self._waiting),
        )

    def _arrivals(self) -> Iterator[tuple[int, int, int]]:
        for first in range(0, self.arrivals, _BLOCK):
            times = (self._schedule.intended_ns[first : first + _BLOCK] + self._t0).tolist()
            endpoints = self._schedule.endpoint[first : first + _BLOCK].tolist()
            yield from zip(range(first, first + len(times)), times, endpoints, strict=True)

    def _send_all(self) -> None:
        burst = 0
        for arrival in self._arrivals():
            wait_ns = arrival[1] - time.monotonic_ns()
            if wait_ns > 0:
                burst = 0
                self._stopping.wait(wait_ns / 1e9)
            else:
                burst += 1
                if burst % _BURST == 0:
                    gevent.sleep(0)
            if self._stopping.is_set():
                return
            self._next = arrival[0] + 1
            if self._slots.full():
                self._waiting.append(arrival)
            else:
                self._slots.spawn(self._serve, arrival)

    def _drain(self) -> None:
        """Without a stop, the timeouts of the profile bound it."""
        while len(self._slots) or self._waiting:
            if self._stopping.is_set():
                self._cancel_waiting()
                if time.monotonic_ns() >= self._drain_until:
                    return
            gevent.sleep(_TICK_S)

    def _serve(self, arrival: tuple[int, int, int]) -> None:
        try:
            self._attempt(*arrival)
            while self._waiting:
                self._attempt(*self._waiting.popleft())
        except Exception as error:
            # Not an outcome but a defect of ours, or a disk that is full: the load cannot go on.
            self.failure = self.failure or error
            self.stop("failure", 0)
            raise

    def _attempt(self, k: int, intended: int, endpoint: int) -> None:
        attempt = Attempt(k, intended, endpoint)
        connection, reusable = None, False
        self._in_flight += 1
        try:
            connection = self._connection(attempt)
            if connection:
                request, key = self._requests.of(k, endpoint), self._profile.key(k)
                reusable = self._exchange.run(attempt, connection, request, key)
        except GreenletExit:
            return  # stopped by us: the attempt says how far it came
        finally:
            self._in_flight -= 1
            self._finish(attempt)
            if connection and reusable:
                self._idle.append(connection)
            elif connection:
                connection.close()

    def _connection(self, attempt: Attempt) -> Connection | None:
        while self._idle:
            connection = self._idle.pop()
            if connection.idle_and_open():
                return connection
            connection.close()
        self.connections_opened += 1
        return connect(attempt, self._address, self.connections_opened, self._profile.connect_timeout_s)

    def _finish(self, attempt: Attempt) -> None:
        attempt.done = time.monotonic_ns()
        self._rows.append(attempt.row(self._origin))
        self._meter.count(attempt.code, attempt.intended, attempt.sent, attempt.done)
        if attempt.code not in (Outcome.NOT_SENT, Outcome.NOT_SENT_STOP):
            self._report(attempt)

    def _tick(self) -> None:
        ticks = 0
        while True:
            before = time.monotonic_ns()
            gevent.sleep(_TICK_S)
            self._meter.note_hub_lag(max(0, time.monotonic_ns() - before - int(_TICK_S * 1e9)))
            ticks += 1
            self._give_up_waiting()
            if ticks % _TICKS_PER_FLUSH == 0:
                self._flush()
            if ticks % _TICKS_PER_SWEEP == 0:
                self._sweep_idle()

    def _flush(self) -> None:
        try:
            self._rows.flush()
        except OSError as error:
            self.failure = self.failure or error
            self.stop("failure", 0)

    def _give_up_waiting(self) -> None:
        oldest = time.monotonic_ns() - int(self._profile.queue_timeout_s * 1e9)
        while self._waiting and self._waiting[0][1] < oldest:
            attempt = Attempt(*self._waiting.popleft())
            attempt.code = Outcome.NOT_SENT
            self._finish(attempt)

    def _sweep_idle(self) -> None:
        """Connections that the server has closed are let go, so that it need not wait for us."""
        kept = []
        for connection in self._idle:
            if connection.idle_and_open():
                kept.append(connection)
            else:
                connection.close()
        self._idle = kept

    def _cancel_waiting(self) -> None:
        waiting, self._waiting = self._waiting, collections.deque()
        self._cancel(np.array([k for k, _, _ in waiting], np.int64))

    def _cancel_rest(self) -> None:
        self._cancel_waiting()
        self._cancel(np.arange(self._next, self.arrivals))
        self._next = self.arrivals

    def _cancel(self, numbers: "np.typing.NDArray[np.int64]") -> None:
        """Rows of arrivals that a stop kept from being sent; nobody knows when they would have been done."""
        rows = np.zeros(len(numbers), ROW)
        rows["k"] = numbers
        rows["intended"] = self._schedule.intended_ns[numbers] + (self._t0 - self._origin)
        rows["endpoint"] = self._schedule.endpoint[numbers]
        rows["sent"] = rows["first"] = rows["done"] = -1
        rows["conn"], rows["status"], rows["pid"] = NO_CONN, NO_STATUS, NO_PID
        rows["code"] = Outcome.NOT_SENT_STOP
        self._rows.append(rows.tobytes())
        self._meter.count_cancelled(len(numbers))
