"""What became of each arrival and each request, as rows.

The first request of an arrival has the number of the arrival. Every other one (the later requests of the same task,
those of on_start, redirects) has a number above those of all arrivals. So each number is there once, and what a ledger
finds missing is missing.
"""

import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from harness.load.flows.attempt import Attempt
from harness.load.flows.exchange import NO_ARRIVAL, Exchange
from harness.load.flows.lines import Line, Lines
from harness.load.messages import LoadSum
from harness.load.meter import Meter
from harness.load.row_writer import RowWriter
from harness.model.rows import NO_CONN, NO_PID, NO_STATUS, ROW, UNKNOWN_NS, Outcome

TellLines = Callable[[int, Sequence[Line]], None]


class Book:
    """Moments come in as those of time.monotonic_ns and are written from the origin."""

    def __init__(self, writer: RowWriter, arrivals: int, tell: TellLines) -> None:
        self._writer, self._arrivals, self._tell = writer, arrivals, tell
        self._lines = Lines()
        self._meter = Meter()
        self._more = 0
        self._open = 0
        self.origin = 0

    def begun(self) -> None:
        self._open += 1

    def record(self, exchange: Exchange) -> None:
        """A request that was begun, with its end."""
        self._open -= 1
        later = exchange.k == NO_ARRIVAL
        if later:
            exchange.k = self._number()
        exchange.endpoint = self._lines.number(exchange.method, exchange.name)
        # How late a request left is told of arrivals alone: the others have no moment at which they were due.
        self._write(exchange, UNKNOWN_NS if later else exchange.sent)

    def no_request(self, k: int, intended: int, task: str, code: Outcome) -> None:
        """An arrival of which no request came."""
        attempt = Attempt(k, intended, self._lines.number("TASK", task))
        attempt.code, attempt.done = code, time.monotonic_ns()
        self._write(attempt, UNKNOWN_NS)

    def broke(self, task: str, began: int) -> None:
        """A task that had made requests ended with an error."""
        self.no_request(self._number(), began, task, Outcome.FLOW_ERROR)

    def broke_now(self, task: str) -> None:
        """The same where no arrival began it."""
        self.broke(task, time.monotonic_ns())

    def cancelled(self, numbers: Sequence[int], intended: Sequence[int]) -> None:
        """Arrivals that a stop kept from being begun; nobody knows what they would have asked, or when been done."""
        rows = np.zeros(len(numbers), ROW)
        rows["k"] = numbers
        rows["intended"] = np.array(intended, np.int64) - self.origin
        rows["endpoint"] = self._lines.number("TASK", "(not begun)") if len(numbers) else 0
        rows["sent"] = rows["first"] = rows["done"] = UNKNOWN_NS
        rows["conn"], rows["status"], rows["pid"] = NO_CONN, NO_STATUS, NO_PID
        rows["code"] = Outcome.NOT_SENT_STOP
        self._writer.append(rows.tobytes())
        self._meter.count_cancelled(len(rows))

    def flush(self) -> None:
        """The names come before the rows that need them."""
        first, lines = self._lines.untold()
        if lines:
            self._tell(first, lines)
        self._writer.flush()

    def note_hub_lag(self, lag_ns: int) -> None:
        self._meter.note_hub_lag(lag_ns)

    def totals(self, due: int, waiting: int) -> dict[str, Any]:
        """The fields of messages.Totals: requests, beside what is still an arrival only."""
        return self._meter.totals(
            origin=self.origin,
            scheduled=self._arrivals + self._more,
            due=due + self._more,
            in_flight=self._open,
            waiting=waiting,
        )

    def window(self, due: int, waiting: int) -> LoadSum:
        return self._meter.close_window(self.totals(due, waiting))

    def _number(self) -> int:
        self._more += 1
        return self._arrivals + self._more - 1

    def _write(self, attempt: Attempt, left: int) -> None:
        self._writer.append(attempt.row(self.origin))
        self._meter.count(attempt.code, attempt.intended, left, attempt.done)
