"""What the conductor knows while a trial runs, from the observations themselves: enough to go on, nothing to judge."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from harness.load.rows_file import read_rows
from harness.model.load_shape import Step, least_rps
from harness.model.observation import LoadSummed, Observation, ProbeAnswered, WorkerPinned, WorkersSeen
from harness.model.rows import Outcome
from harness.model.trial import Trial

_SECOND = 1_000_000_000


class TrialState:
    """Fed with every observation in the order of writing."""

    def __init__(self, trial: Trial, rows: Path) -> None:
        self._trial, self._rows = trial, rows
        self._ready_at: dict[int, int] = {}
        self._fresh_ready: list[tuple[int, bool]] = []
        self._pinned: set[int] = set()
        self._p50: list[float] = []
        self._over_s = 0.0
        self._over_since_ns: int | None = None
        self.workers: tuple[int, ...] = ()

    def see(self, seen: Observation) -> None:
        if isinstance(seen, ProbeAnswered) and seen.probe == "ready":
            if seen.via == "fresh":
                good = seen.good and seen.took_s <= self._trial.ready_probe.timeout_s
                self._fresh_ready.append((seen.sent_ns, good))
            elif seen.good:
                self._ready_at[seen.pid] = seen.sent_ns
        elif isinstance(seen, WorkersSeen):
            self.workers = seen.pids
        elif isinstance(seen, WorkerPinned):
            self._pinned.add(seen.pid)
        elif isinstance(seen, LoadSummed):
            self._see_load(seen)

    def _see_load(self, seen: LoadSummed) -> None:
        if seen.p50_ms >= 0:
            self._p50.append(seen.p50_ms)
        if 0 <= seen.p99_ms <= self._trial.slo.p99_ms:
            self._over_since_ns = None
            return
        self._over_since_ns = self._over_since_ns or seen.sent_ns
        self._over_s = (seen.sent_ns - self._over_since_ns) / _SECOND

    def is_overwhelmed(self) -> bool:
        """Two steps of a staircase long, every window was over the objective: no higher step will hold."""
        shape = self._trial.shape
        return isinstance(shape, Step) and self._over_since_ns is not None and self._over_s >= 2 * shape.each_s

    def is_steady(self) -> bool:
        """All workers pinned, readiness up, and the last two seconds' medians alike (10 % or 2 ms)."""
        if len(self._p50) < 4 or not set(self.workers) <= self._pinned:
            return False
        if not self._fresh_ready or not self._fresh_ready[-1][1]:
            return False
        before, now = sum(self._p50[-4:-2]) / 2, sum(self._p50[-2:]) / 2
        return abs(now - before) <= max(2.0, 0.1 * before)

    def has_recovered(self, lift_ns: int, now_ns: int) -> bool:
        """Since the lift: readiness up twice in a row and on each worker, and three good seconds of load in a row."""
        fresh = [good for sent_ns, good in self._fresh_ready if sent_ns >= lift_ns]
        if len(fresh) < 2 or not all(fresh[-2:]) or len(self.workers) < self._trial.workers:
            return False
        if any(self._ready_at.get(pid, -1) < lift_ns for pid in self.workers):
            return False
        return self._good_seconds(lift_ns, now_ns)

    def _good_seconds(self, lift_ns: int, now_ns: int) -> bool:
        """Are the last three seconds, up to half a second ago, good? One bad request is let pass."""
        end_ns = now_ns - _SECOND // 2
        start_ns = end_ns - 3 * _SECOND
        if start_ns < lift_ns or not self._rows.exists():
            return False
        rows = read_rows(self._rows)
        rows = rows[max(0, len(rows) - 20_000) :]
        due = rows[(rows["intended"] >= start_ns) & (rows["intended"] < end_ns)]
        expected = 3 * least_rps(self._trial.shape, self._trial.rate_rps)
        if not len(due) or len(due) < 0.9 * expected - 2:
            return False
        late = due["done"] - due["intended"] > self._trial.slo.p99_ms * 1e6
        bad = int(np.count_nonzero((due["code"] != Outcome.OK) | late))
        return bad <= max(1, len(due) // 100)
