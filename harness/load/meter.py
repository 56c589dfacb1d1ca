"""Counts what a load has done so far, and keeps the last window for the live view. Its memory is bounded."""

import resource
import time
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
    nearest_rank,
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
        self._response: list[int] = []
        self._lag: list[int] = []
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
        self._lag += (sent["sent"] - sent["intended"]).tolist()
        answered = rows[in_group(rows, ANSWERED)][: _WINDOW - len(self._response)]
        self._response += (answered["done"] - answered["intended"]).tolist()

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
        response, lag = np.array(self._response, np.int64), np.array(self._lag, np.int64)
        window = LoadSum(
            **totals,
            window_n=self._ended,
            p50_ns=_rank(response, 500),
            p99_ns=_rank(response, 990),
            lag_p50_ns=_rank(lag, 500),
            lag_p99_ns=_rank(lag, 990),
            lag_max_ns=_rank(lag, 1000),
            hub_lag_max_ns=self._hub_lag_max,
        )
        self._response, self._lag, self._ended, self._hub_lag_max = [], [], 0, 0
        return window


def _rank(values: "np.typing.NDArray[np.int64]", per_mille: int) -> int | None:
    return nearest_rank(values, per_mille) if len(values) else None
