"""The rows of all workers, as they come home: each arrival once, in one file, and what is missing named at the end."""

from __future__ import annotations

import bisect
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harness.load.cluster.chunk import unpack_rows
from harness.load.meter import Meter
from harness.load.profile import Profile
from harness.load.replay import open_schedule
from harness.load.row_writer import RowWriter
from harness.model.rows import NO_CONN, NO_PID, NO_STATUS, ROW, UNKNOWN_NS, Outcome, Rows

MAX_WORKERS = 60
_CONN_BITS = 26  # connections are numbered by each engine; the worker's number goes above

Numbers = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Tried:
    """What a worker may have sent: of its arrivals, those before `position`."""

    member: str
    position: int


class Harvest:
    def __init__(self, profile: Profile, rows_file: str) -> None:
        self._schedule = open_schedule(profile)
        self._writer = RowWriter(rows_file)
        self._seen = np.zeros(len(self._schedule), np.bool_)
        self.meter = Meter()
        self.repeated = 0

    def __len__(self) -> int:
        return len(self._seen)

    @property
    def rows(self) -> int:
        return self._writer.count

    def due_by(self, after_start_ns: int) -> int:
        """How many arrivals are due by then."""

        def due_ns(k: int) -> int:
            return int(self._schedule.arrivals(k, k + 1).intended_ns[0])

        return bisect.bisect_right(range(len(self)), after_start_ns, key=due_ns)

    def take(self, worker: int, packed: bytes) -> Rows:
        """Write down what is new, and give back the rows as they came. ValueError when they are not of this load."""
        rows = unpack_rows(packed)
        if rows["k"].max() >= len(self._seen):
            raise ValueError(f"a row is of arrival {rows['k'].max()}, and there are {len(self._seen)}")
        fresh = np.zeros(len(rows), np.bool_)
        fresh[np.unique(rows["k"], return_index=True)[1]] = True
        fresh &= ~self._seen[rows["k"]]
        self.repeated += len(rows) - int(np.count_nonzero(fresh))
        self._write(_numbered(rows[fresh], worker))
        return rows

    def unseen(self, first: int = 0, last: int | None = None) -> Numbers:
        return np.flatnonzero(~self._seen[first:last]) + first

    def fill(self, lost: Numbers, origin_to_start_ns: int) -> None:
        """Give every arrival that has no row one: lost where a worker took what became of it along, else unsent."""
        for part in self._schedule.blocks():
            missing = ~self._seen[part.first : part.first + len(part)]
            numbers = part.numbers[missing]
            rows = np.zeros(len(numbers), ROW)
            rows["k"] = numbers
            rows["intended"] = part.intended_ns[missing] + origin_to_start_ns
            rows["endpoint"] = part.endpoint[missing]
            rows["sent"] = rows["first"] = rows["done"] = UNKNOWN_NS
            rows["conn"], rows["status"], rows["pid"] = NO_CONN, NO_STATUS, NO_PID
            rows["code"] = np.where(np.isin(numbers, lost), Outcome.LOST, Outcome.NOT_SENT_STOP)
            self._write(rows)

    def close(self) -> None:
        self._writer.close()

    def _write(self, rows: Rows) -> None:
        self._seen[rows["k"]] = True
        self._writer.append(rows.tobytes())
        self._writer.flush()
        self.meter.count_rows(rows)


def _numbered(rows: Rows, worker: int) -> Rows:
    known = rows["conn"] != NO_CONN
    rows["conn"][known] += np.uint32(worker << _CONN_BITS)
    return rows
