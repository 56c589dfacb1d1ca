"""One row for each arrival, 56 bytes, appended as it ends: the record of a load.

    k, conn                       u32   number of the arrival; number of the connection
    intended, sent, first, done   i64   ns from the origin: due, last byte written, first byte read, end
    code, endpoint                u16   the outcome; index of the request line
    status, flags                 u16   HTTP status; see Flag
    pid, bytes                    u32   worker that answered, if it says so; bytes read

A field that is not known holds −1, which is all ones in an unsigned field: NO_CONN, NO_STATUS, NO_PID. A file may be
cut at any byte: what is whole before the cut is read. The form is little endian on every machine.
"""

import struct
from dataclasses import dataclass
from enum import IntEnum, IntFlag
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

ROW = np.dtype(
    [
        ("k", "<u4"),
        ("conn", "<u4"),
        ("intended", "<i8"),
        ("sent", "<i8"),
        ("first", "<i8"),
        ("done", "<i8"),
        ("code", "<u2"),
        ("endpoint", "<u2"),
        ("status", "<u2"),
        ("flags", "<u2"),
        ("pid", "<u4"),
        ("bytes", "<u4"),
    ]
)
PACK = struct.Struct("<IIqqqqHHHHII")
Rows = NDArray[np.void]

UNKNOWN_NS = -1
NO_CONN = 2**32 - 1
NO_STATUS = 2**16 - 1
NO_PID = 2**32 - 1


class Outcome(IntEnum):
    """How an arrival ended. The numbers are part of the format: new ones are added at the end.

    A connection that ends before the first byte of the answer is told by whether it had carried a request before
    (reused) or not (fresh). `reset` is an RST or a broken pipe, `eof` an orderly close. What was not sent found no
    connection in time, was kept back by a stop, or was too late because the load driver itself was (late). LOST is of
    a sender that died with what it knew; it counts as not sent. The last two are of flows: a
    task that raised an error of its own, and one that made no request.
    """

    OK = 0
    BAD_STATUS = 1
    REFUSED = 2
    CONNECT_TIMEOUT = 3
    CONNECT_OTHER = 4
    RESET_FRESH = 5
    EOF_FRESH = 6
    RESET_REUSED = 7
    EOF_REUSED = 8
    RESET_HEADERS = 9
    EOF_HEADERS = 10
    RESET_BODY = 11
    EOF_BODY = 12
    TIMEOUT = 13
    TIMEOUT_PARTIAL = 14
    PROTOCOL = 15
    UNFINISHED = 16
    UNFINISHED_CONNECT = 17
    NOT_SENT = 18
    NOT_SENT_STOP = 19
    WRONG_BODY = 20
    LOST = 21
    NOT_SENT_LATE = 22
    FLOW_ERROR = 23
    NO_REQUEST = 24


class Flag(IntFlag):
    REUSED = 1  # the connection had carried a request before
    CLOSE_DELIMITED = 2  # the body ended with the connection: a cut cannot be told from its end
    UNSOLICITED = 4  # more bytes came than were asked for
    INTERIM = 8  # a 1xx answer came first


ANSWERED = frozenset({Outcome.OK, Outcome.BAD_STATUS, Outcome.WRONG_BODY})
TURNED_AWAY = frozenset({Outcome.REFUSED, Outcome.RESET_FRESH, Outcome.EOF_FRESH})
"""Nobody took the new connection: refused, or ended at once by a proxy that found nobody."""
TIMED_OUT = frozenset({Outcome.CONNECT_TIMEOUT, Outcome.TIMEOUT, Outcome.TIMEOUT_PARTIAL})
GIVEN_UP = TIMED_OUT - {Outcome.CONNECT_TIMEOUT}  # by their client, who was connected
CUT = frozenset(  # by the other side, before the answer was whole
    {
        Outcome.RESET_FRESH,
        Outcome.EOF_FRESH,
        Outcome.RESET_REUSED,
        Outcome.EOF_REUSED,
        Outcome.RESET_HEADERS,
        Outcome.EOF_HEADERS,
        Outcome.RESET_BODY,
        Outcome.EOF_BODY,
    }
)
UNFINISHED = frozenset({Outcome.UNFINISHED, Outcome.UNFINISHED_CONNECT})
NOT_SENT = frozenset({Outcome.NOT_SENT, Outcome.NOT_SENT_STOP, Outcome.LOST, Outcome.NOT_SENT_LATE, Outcome.NO_REQUEST})
UNASKED = frozenset({Outcome.NOT_SENT_STOP, Outcome.NO_REQUEST})  # nobody was kept waiting
FAILED = frozenset(Outcome) - ANSWERED - TIMED_OUT - UNFINISHED - NOT_SENT


@dataclass(frozen=True, slots=True)
class Ledger:
    """The balance of a load: scheduled = sent + not sent; sent = answered + failed + timed out + unfinished.

    An arrival counts as sent when it was tried: a refused connection is a failure, though no byte left.
    """

    scheduled: int
    sent: int
    answered: int
    failed: int
    timed_out: int
    unfinished: int
    not_sent: int
    missing: int
    repeated: int
    unreadable: int

    @property
    def balanced(self) -> bool:
        """Every arrival is there once, with an outcome that is known."""
        whole = not (self.missing or self.repeated or self.unreadable)
        parts = self.answered + self.failed + self.timed_out + self.unfinished
        return whole and self.scheduled == self.sent + self.not_sent and self.sent == parts


def ledger(rows: Rows, scheduled: int) -> Ledger:
    counts = np.bincount(rows["code"], minlength=len(Outcome))

    def total(group: frozenset[Outcome]) -> int:
        return int(sum(counts[code] for code in group))

    within = rows["k"] < scheduled
    there = np.zeros(max(scheduled, 0), np.bool_)
    there[rows["k"][within]] = True
    known = int(np.count_nonzero(there))
    beyond = len(np.unique(rows["k"][~within]))
    answered, failed, timed_out, unfinished = (total(group) for group in (ANSWERED, FAILED, TIMED_OUT, UNFINISHED))
    return Ledger(
        scheduled=scheduled,
        sent=answered + failed + timed_out + unfinished,
        answered=answered,
        failed=failed,
        timed_out=timed_out,
        unfinished=unfinished,
        not_sent=total(NOT_SENT),
        missing=scheduled - known,
        repeated=len(rows) - known - beyond,
        unreadable=int(counts[len(Outcome) :].sum()) + beyond,
    )


def in_group(rows: Rows, group: frozenset[Outcome]) -> NDArray[np.bool_]:
    found: NDArray[np.bool_] = _members(group)[rows["code"]]
    return found


@cache
def _members(group: frozenset[Outcome]) -> NDArray[np.bool_]:
    """Whether each number that a code can have is of the group."""
    table = np.zeros(2**16, np.bool_)
    table[[int(code) for code in group]] = True
    return table


def nearest_rank(values: NDArray[np.int64], per_mille: int) -> int:
    """The smallest value that at least `per_mille` of 1,000 do not exceed. There must be values."""
    return nearest_ranks(values, per_mille)[0]


def nearest_ranks(values: NDArray[np.int64], *per_mille: int) -> tuple[int, ...]:
    """Several at the price of little more than one."""
    if not len(values):
        raise ValueError("a quantile of nothing")
    for each in per_mille:
        if not 0 < each <= 1000:
            raise ValueError(f"per_mille lies between 1 and 1000, not {each}")
    places = [-(-each * len(values) // 1000) - 1 for each in per_mille]
    return tuple(np.partition(values, places)[places].tolist())


def rows_from_bytes(data: bytes | bytearray) -> Rows:
    return np.frombuffer(bytes(data), ROW, len(data) // ROW.itemsize)


def no_rows() -> Rows:
    rows: NDArray[Any] = np.zeros(0, ROW)
    rows.flags.writeable = False
    return rows
