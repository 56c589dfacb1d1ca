"""Counts what a load has done so far, and keeps the last window for the live view. Its memory is bounded.

An engine counts between two requests, so what is counted at once is kept as it came: a list of numbers would take a
millisecond to make, in which nothing is sent.
"""

import resource
import time
from array import array
from typing import Any

import numpy as np

from harness.load.messages import LoadSum
from harness.model.rows import (
    ANSWERED,
    FAILED,
    NOT_SENT,
    TIMED_OUT,
    UNFINISHED,
    UNKNOWN_NS,
    Outcome,
    Rows,
    in_group,
    nearest_ranks,
)

_GROUPS = {
    "answered": ANSWERED,
    "failed": FAILED,
    "timed_out": TIMED_OUT,
    "unfinished": UNFINISHED,
    "not_sent": NOT_SENT,
}
_WINDOW = 20_000


class Meter:
    def __init__(self) -> None:
        self._counts = [0] * len(Outcome)
        self._response = array("q")
        self._lag = array("q")
        self._ended = 0
        self._hub_lag_max = 0

    def count(self, code: Outcome, intended: int, sent: int, done: int) -> None:
        self._counts[code] += 1
        self._ended += 1
        if sent != UNKNOWN_NS and len(self._lag) < _WINDOW:
            self._lag.append(sent - intended)
        if code in ANSWERED and len(self._response) < _WINDOW:
            self._response.append(done - intended)

    def count_rows(self, rows: Rows) -> None:
        """Many at once, for a driver that has no time for each."""
        for code, count in enumerate(np.bincount(rows["code"], minlength=len(Outcome)).tolist()):
            self._counts[code] += count
        self._ended += len(rows)
        sent = rows[rows["sent"] != UNKNOWN_NS][: _WINDOW - len(self._lag)]
        self._lag.frombytes((sent["sent"] - sent["intended"]).tobytes())
        answered = rows[in_group(rows, ANSWERED)][: _WINDOW - len(self._response)]
        self._response.frombytes((answered["done"] - answered["intended"]).tobytes())

    def count_cancelled(self, arrivals: int) -> None:
        self._counts[Outcome.NOT_SENT_STOP] += arrivals

    def note_hub_lag(self, lag_ns: int) -> None:
        self._hub_lag_max = max(self._hub_lag_max, lag_ns)

    def totals(self, *, origin: int, scheduled: int, due: int, in_flight: int, waiting: int) -> dict[str, Any]:
        """The fields of messages.Totals."""
        groups = {name: sum(self._counts[code] for code in group) for name, group in _GROUPS.items()}
        usage = resource.getrusage(resource.RUSAGE_SELF)
        return {
            "at_ns": time.monotonic_ns() - origin,
            "scheduled": scheduled,
            "due": due,
            "sent": sum(groups.values()) - groups["not_sent"] + in_flight,
            "ok": self._counts[Outcome.OK],
            "in_flight": in_flight,
            "waiting": waiting,
            "cpu_s": round(usage.ru_utime + usage.ru_stime, 4),
            **groups,
        }

    def close_window(self, totals: dict[str, Any]) -> LoadSum:
        p50_ns, p99_ns = _ranks(self._response, 500, 990)
        lag_p50_ns, lag_p99_ns, lag_max_ns = _ranks(self._lag, 500, 990, 1000)
        window = LoadSum(
            **totals,
            window_n=self._ended,
            p50_ns=p50_ns,
            p99_ns=p99_ns,
            lag_p50_ns=lag_p50_ns,
            lag_p99_ns=lag_p99_ns,
            lag_max_ns=lag_max_ns,
            hub_lag_max_ns=self._hub_lag_max,
        )
        self._response, self._lag = array("q"), array("q")
        self._ended = self._hub_lag_max = 0
        return window


def _ranks(values: "array[int]", *per_mille: int) -> list[int | None]:
    return [*nearest_ranks(np.array(values), *per_mille)] if values else [None for _ in per_mille]
