"""What became of each arrival, as rows; figures are drawn from the rows later, many at a time."""

import numpy as np
from numpy.typing import NDArray

from harness.load.messages import LoadSum
from harness.load.meter import Meter
from harness.load.row_writer import RowWriter
from harness.model.rows import NO_CONN, NO_PID, NO_STATUS, PACK, ROW, UNKNOWN_NS, Outcome

_U32 = 2**32 - 1
_pack = PACK.pack


class Book:
    """Moments come in as those of time.monotonic_ns and are written from the origin."""

    def __init__(self, writer: RowWriter) -> None:
        self._writer = writer
        self._meter = Meter()
        self._pending = bytearray()
        self.origin = 0

    def ended(
        self,
        job: tuple[int, int, int],
        conn: int,
        sent: int,
        first: int,
        done: int,
        code: Outcome,
        tail: tuple[int, ...],
    ) -> None:
        """`tail` is status, flags, pid and bytes read. The moments may be unknown."""
        k, intended, endpoint = job
        origin = self.origin
        status, flags, pid, size = tail
        self._pending += _pack(
            k,
            conn,
            intended - origin,
            sent - origin if sent != UNKNOWN_NS else UNKNOWN_NS,
            first - origin if first != UNKNOWN_NS else UNKNOWN_NS,
            done - origin if done != UNKNOWN_NS else UNKNOWN_NS,
            code,
            endpoint,
            status,
            flags,
            pid,
            min(size, _U32),
        )

    def not_served(self, job: tuple[int, int, int], done: int, code: Outcome) -> None:
        """No connection ever carried it."""
        self.ended(job, NO_CONN, UNKNOWN_NS, UNKNOWN_NS, done, code, (NO_STATUS, 0, NO_PID, 0))

    def cancelled(self, numbers: NDArray[np.int64], due: NDArray[np.int64], endpoints: NDArray[np.integer]) -> None:
        """Arrivals that a stop kept from being sent; nobody knows when they would have been done."""
        rows = np.zeros(len(numbers), ROW)
        rows["k"] = numbers
        rows["intended"] = due - self.origin
        rows["endpoint"] = endpoints
        rows["sent"] = rows["first"] = rows["done"] = UNKNOWN_NS
        rows["conn"], rows["status"], rows["pid"] = NO_CONN, NO_STATUS, NO_PID
        rows["code"] = Outcome.NOT_SENT_STOP
        self._turn_over()
        self._writer.append(rows.tobytes())
        self._meter.count_cancelled(len(rows))

    def flush(self) -> None:
        self._turn_over()
        self._writer.flush()

    def note_loop_lag(self, lag_ns: int) -> None:
        self._meter.note_hub_lag(lag_ns)

    def totals(self, **now: int) -> dict[str, int]:
        """The fields of messages.Totals; `now` is what the rows cannot say."""
        self._turn_over()
        return self._meter.totals(origin=self.origin, **now)

    def window(self, **now: int) -> LoadSum:
        return self._meter.close_window(self.totals(**now))

    def _turn_over(self) -> None:
        if self._pending:
            rows = bytes(self._pending)
            self._pending.clear()
            self._writer.append(rows)
            self._meter.count_rows(np.frombuffer(rows, ROW))
