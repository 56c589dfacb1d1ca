"""Rows as Locust's statistics: what a worker's engine did since the last look, added to what Locust reports anyway."""

import time

import numpy as np
from locust.stats import RequestStats, StatsEntry, StatsError
from numpy.typing import NDArray

from harness.load.profile import Profile
from harness.model.rows import NOT_SENT, UNKNOWN_NS, Outcome, Rows, in_group


class LocustView:
    def __init__(self, stats: RequestStats, profile: Profile) -> None:
        self._stats = stats
        self._lines = [(line.method, line.name) for line in profile.requests]

    def add(self, rows: Rows) -> None:
        """What was sent counts as a request, and as a failure unless it was answered as expected."""
        sent = rows[~in_group(rows, NOT_SENT)]
        for endpoint in np.unique(sent["endpoint"]).tolist():
            mine = sent[sent["endpoint"] == endpoint]
            method, name = self._lines[endpoint]
            entry = self._entry(method, name, mine)
            self._stats.get(name, method).extend(entry)
            self._stats.total.extend(entry)
            for code, count in enumerate(np.bincount(mine["code"]).tolist()):
                if count and code != Outcome.OK:
                    self._fail(method, name, Outcome(code).name.lower(), count)

    def _entry(self, method: str, name: str, rows: Rows) -> StatsEntry:
        now = time.time()
        entry = StatsEntry(self._stats, name, method)
        failed = int(np.count_nonzero(rows["code"] != Outcome.OK))
        ended = rows[rows["done"] != UNKNOWN_NS]
        took_ms = (ended["done"] - ended["intended"]) / 1e6
        entry.start_time = entry.last_request_timestamp = now
        entry.num_requests, entry.num_failures = len(rows), failed
        entry.num_none_requests = len(rows) - len(ended)
        entry.num_reqs_per_sec = {int(now): len(rows)}
        entry.num_fail_per_sec = {int(now): failed} if failed else {}
        entry.total_content_length = int(rows["bytes"].sum(dtype=np.int64))
        if len(ended):
            values, counts = np.unique(_three_digits(took_ms), return_counts=True)
            entry.response_times = dict(zip(values.tolist(), counts.tolist(), strict=True))
            entry.total_response_time = float(took_ms.sum())  # type: ignore[assignment]
            entry.min_response_time, entry.max_response_time = float(took_ms.min()), float(took_ms.max())  # type: ignore[assignment]
        return entry

    def _fail(self, method: str, name: str, why: str, count: int) -> None:
        key = StatsError.create_key(method, name, why)
        error = self._stats.errors.setdefault(key, StatsError(method, name, why))
        error.occurred()
        error.occurrences += count - 1


def _three_digits(milliseconds: NDArray[np.float64]) -> NDArray[np.float64]:
    """Few enough values to send and to keep; Locust itself keeps two digits."""
    least = np.maximum(milliseconds, 0.001)
    scale = 10.0 ** (np.floor(np.log10(least)) - 2)
    rounded: NDArray[np.float64] = np.round(np.round(least / scale) * scale, 6)
    return rounded
