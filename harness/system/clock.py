"""One monotonic origin per trial: every stamp of a trial is nanoseconds since it."""

from __future__ import annotations

import time
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Clock:
    """`origin_ns` is on `time.monotonic_ns`, which all processes of a machine share (CLOCK_MONOTONIC)."""

    origin_ns: int

    @classmethod
    def start(cls) -> Clock:
        return cls(time.monotonic_ns())

    def now_ns(self) -> int:
        return time.monotonic_ns() - self.origin_ns

    def absolute_ns(self, trial_ns: int) -> int:
        """A trial's time as the machine's monotonic clock tells it."""
        return self.origin_ns + trial_ns
