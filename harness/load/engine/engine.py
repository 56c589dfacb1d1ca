"""Sends each arrival when it is due, whether or not the answers come: an open model.

    schedule ──alarm──▶ pump ──▶ idle connection, else a new one ──▶ write ──▶ answer ──▶ row
                                    │ none                                        │
                                    └──▶ waiting, in order ◀── takes the next ────┘

What waits for longer than the profile allows is recorded as not sent, and so is what this process itself comes to too
late. After a stop nothing new is sent, what is open may end, and every arrival that was left has a row.

There are 5,000 alarms a second at most, for to wake up costs more than to send. What falls due meanwhile waits for the
next one, so that at higher rates several leave together; how late each left stands in its row. A few may follow each
other closely, so that random gaps cost no arrival its own alarm as long as the rate is lower.

Where several engines share the load, epochs say which arrivals are this one's, and a lease how long it may send: one
that nobody hears of any more must have stopped before another takes over. What it did not try has no row then, for it
cannot know whose it was in the end.
"""

import asyncio
import collections
import time
from collections.abc import Callable

import numpy as np

from harness.load.engine.alarm import Alarm
from harness.load.engine.book import Book
from harness.load.engine.connection import Connection, Job
from harness.load.engine.pool import Pool
from harness.load.epochs import Epochs
from harness.load.messages import LoadSum
from harness.load.profile import Profile
from harness.load.replay import open_schedule
from harness.load.row_writer import RowWriter
from harness.load.values import Requests
from harness.model.rows import UNKNOWN_NS, Outcome

_BURST = 64  # arrivals sent before answers are looked at again
_REST_NS = 200_000  # from one alarm to the next, but for a few
_CREDIT_NS = 10 * _REST_NS
_AT_ONCE = 512  # arrivals made ready at a time: a tenth of a millisecond, in which nothing is sent
_TICK_S = 0.01
_TICKS_PER_FLUSH = 10
_SECOND = 1_000_000_000
_ALONE = "alone"
_FOREVER = 2**63
_LAST_BREATH_S = 1.0  # for what is open when the lease is over

_now = time.monotonic_ns


class Engine:
    """`finished` is called once, when every arrival has its row."""

    def __init__(self, profile: Profile, writer: RowWriter, finished: Callable[[], None]) -> None:
        self._profile, self._finished = profile, finished
        self._book = Book(writer)
        self._schedule = open_schedule(profile)
        self._requests = Requests(profile)
        self._pool = Pool(profile, self, self._send, self._not_served)
        self._timeout_ns = int(profile.timeout_s * _SECOND)
        self._late_ns = int(profile.late_s * _SECOND)
        self._queue_timeout_ns = int(profile.queue_timeout_s * _SECOND)
        self._deadlines: collections.deque[tuple[int, Connection, int]] = collections.deque()
        self._block: list[Job] = []
        self._next = self._ahead = 0  # what was tried, and what was looked at, lies before
        self._me, self._epochs, self._shared = _ALONE, Epochs.of([_ALONE]), False
        self._lease_ns = _FOREVER
        self._in_hand = 0
        self._t0 = self._end_ns = self._drain_until = self._ticks = 0
        self._alarm: Alarm | None = None
        self._alarm_ns = self._rested_ns = 0
        self._started = self._stopping = self._ended = False
        self.reason = "schedule"
        self.failure: Exception | None = None

    @property
    def arrivals(self) -> int:
        return len(self._schedule)

    @property
    def connections_opened(self) -> int:
        return self._pool.opened

    def share(self, me: str, epochs: Epochs, lease_ns: int) -> None:
        """Send only what is ours, and only until the lease is over. Comes before the start, if at all."""
        self._me, self._shared = me, True
        self.take_lease(lease_ns)
        self.take_epochs(epochs)

    def take_epochs(self, epochs: Epochs) -> None:
        border = epochs.parting(self._epochs)
        self._epochs = epochs
        self._block = [job for job in self._block if job[0] < border]
        self._ahead = min(self._ahead, max(border, self._next))
        if self._me in epochs.members:
            self._pool.share_limit(epochs.members.index(self._me), len(epochs.members))
        self._set_alarm()

    def take_lease(self, until_ns: int) -> None:
        self._lease_ns = until_ns

    def start(self, t0_ns: int, origin_ns: int) -> None:
        loop = asyncio.get_running_loop()
        self._started, self._t0, self._book.origin = True, t0_ns, origin_ns
        last = self._schedule.arrivals(self.arrivals - 1, self.arrivals)
        self._end_ns = t0_ns + int(last.intended_ns.sum())
        self._pool.open_ahead(self._profile.preconnected())
        self._alarm = Alarm()
        loop.add_reader(self._alarm.fd, self._ring)
        self._set_alarm()
        loop.call_later(_TICK_S, self._tick, _now())

    def stop(self, reason: str, drain_s: float) -> None:
        """The first reason is kept. A second stop can only shorten the drain."""
        until = _now() + int(drain_s * _SECOND)
        if self._stopping:
            self._drain_until = min(self._drain_until, until)
            return
        self.reason, self._drain_until, self._stopping = reason, until, True
        if not self._started:
            self.start(_now(), _now())
        self._cancel_waiting()

    def window(self) -> LoadSum:
        return self._book.window(**self._position())

    def totals(self) -> dict[str, int]:
        return self._book.totals(**self._position())

    def _position(self) -> dict[str, int]:
        in_flight = self._in_hand + self._pool.opening
        due = self.arrivals if self._ended and not self._shared else self._next
        return {
            "scheduled": self.arrivals,
            "due": due,
            "in_flight": in_flight,
            "waiting": len(self._pool.waiting),
        }

    # What sends.

    def _ring(self) -> None:
        self._rested_ns = max(self._rested_ns, self._alarm_ns) + _REST_NS
        if not self._pump() and self._alarm is not None:
            self._alarm.clear()

    def _pump(self) -> bool:
        """Everything that is due, in bursts: between them answers are read. Whether the alarm is set anew."""
        serve = self._pool.serve
        now = _now()
        if now > self._lease_ns:
            self.stop("lease", _LAST_BREATH_S)
        for _ in range(_BURST):
            if self._stopping or not self._refill():
                return False
            k, intended, endpoint = self._block[-1]
            if intended > now:
                now = _now()
                if intended > now:
                    self._set_alarm()
                    return True
            self._block.pop()
            self._next = k + 1
            if now - intended > self._late_ns:
                self._book.not_served((k, intended, endpoint), UNKNOWN_NS, Outcome.NOT_SENT_LATE)
            else:
                serve((k, intended, endpoint))
        asyncio.get_running_loop().call_soon(self._pump)
        return False

    def _refill(self) -> bool:
        """The next arrivals of ours, last one first; False when there are none."""
        while not self._block and self._ahead < self.arrivals:
            part = self._schedule.arrivals(self._ahead, self._ahead + _AT_ONCE)
            self._ahead = part.first + len(part)
            numbers = self._epochs.share(self._me, part.first, self._ahead)
            times = (part.intended_ns[numbers - part.first] + self._t0).tolist()
            endpoints = part.endpoint[numbers - part.first].tolist()
            self._block = list(zip(numbers.tolist(), times, endpoints, strict=True))[::-1]
        return bool(self._block)

    def _set_alarm(self) -> None:
        if self._alarm is not None and self._refill():
            self._alarm_ns = max(self._block[-1][1], self._rested_ns - _CREDIT_NS)
            self._alarm.set(self._alarm_ns)

    def _send(self, connection: Connection, job: Job) -> None:
        self._in_hand += 1
        connection.send(job, self._requests.of(job[0], job[2]), self._profile.key(job[0]))
        self._deadlines.append((connection.sent + self._timeout_ns, connection, connection.serial))

    # What is heard from connections.

    def finished(self, connection: Connection, code: Outcome) -> None:
        self._in_hand -= 1
        c = connection
        self._book.ended(c.job, c.number, c.sent, c.first, _now(), code, c.tail)

    def idle(self, connection: Connection) -> None:
        self._pool.release(connection)

    def lost(self, connection: Connection) -> None:
        self._pool.forget(connection)

    def _not_served(self, job: Job, code: Outcome) -> None:
        self._book.not_served(job, _now(), code)

    # What looks after time.

    def _tick(self, due_ns: int) -> None:
        now = _now()
        self._book.note_loop_lag(max(0, now - due_ns - int(_TICK_S * _SECOND)))
        if now > self._lease_ns:
            self.stop("lease", _LAST_BREATH_S)
        self._give_up_open(now)
        self._give_up_waiting(now)
        self._ticks += 1
        if self._ticks % _TICKS_PER_FLUSH == 0:
            self._flush()
        if self._is_over(now):
            self._end()
        else:
            asyncio.get_running_loop().call_later(_TICK_S, self._tick, _now())

    def _give_up_open(self, now: int) -> None:
        """Those that were answered are forgotten on the way: what is kept makes each garbage collection longer."""
        deadlines = self._deadlines
        while deadlines:
            deadline, connection, serial = deadlines[0]
            is_open = connection.busy and connection.serial == serial
            if is_open and deadline > now:
                return
            deadlines.popleft()
            if is_open:
                connection.give_up(Outcome.TIMEOUT if connection.first < 0 else Outcome.TIMEOUT_PARTIAL)

    def _give_up_waiting(self, now: int) -> None:
        waiting = self._pool.waiting
        while waiting and waiting[0][1] < now - self._queue_timeout_ns:
            self._not_served(waiting.popleft(), Outcome.NOT_SENT)

    def _is_over(self, now: int) -> bool:
        if self._stopping:
            return now >= self._drain_until or not (self._in_hand or self._pool.opening)
        all_sent = not self._block and self._ahead >= self.arrivals and now >= self._end_ns
        return all_sent and not (self._in_hand or self._pool.opening or self._pool.waiting)

    def _flush(self) -> None:
        try:
            self._book.flush()
        except OSError as error:
            self.failure = self.failure or error
            self.stop("failure", 0)

    def _end(self) -> None:
        assert self._alarm is not None
        asyncio.get_running_loop().remove_reader(self._alarm.fd)
        self._alarm.close()
        self._alarm = None
        self._cancel_waiting()
        self._pool.end()
        for part in () if self._shared else self._schedule.blocks(self._next):
            self._book.cancelled(part.numbers, part.intended_ns + self._t0, part.endpoint)
            self._flush()  # what a long load leaves is more than memory should hold
        self._ended = True
        self._flush()
        self._finished()

    def _cancel_waiting(self) -> None:
        if self._pool.waiting:
            self._book.cancelled(*np.array(self._pool.waiting, np.int64).T)
            self._pool.waiting.clear()
