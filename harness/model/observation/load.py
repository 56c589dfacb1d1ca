"""The load: its schedule, its sums, its end."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class LoadStarted:
    """The schedule's zero: arrival k is intended at `sent_ns` + its offset. `scheduled` counts all arrivals."""

    scheduled: int
    sent_ns: int
    done_ns: int
    kind: Literal["load-started"] = "load-started"


@dataclass(frozen=True, slots=True)
class LoadLines:
    """Request lines of a flow (method, name), as they came; the number of the first in the samples is `first`."""

    first: int
    lines: tuple[tuple[str, str], ...]
    sent_ns: int
    done_ns: int
    kind: Literal["load-lines"] = "load-lines"


@dataclass(frozen=True, slots=True)
class LoadSummed:
    """Cumulative counts of the load driver, and the last window's quantiles (−1: no answers in it).

    `loop_lag_ms` is the worst lateness of the driver's own loop in the window, `waiting` the arrivals that wait for a
    free connection now (−1: unknown).
    """

    sent: int
    answered: int
    failed: int
    timed_out: int
    unfinished: int
    not_sent: int
    p50_ms: float
    p99_ms: float
    send_lag_p99_ms: float
    cpu_s: float
    sent_ns: int
    done_ns: int
    loop_lag_ms: float = -1.0
    waiting: int = -1
    kind: Literal["load"] = "load"


@dataclass(frozen=True, slots=True)
class LoadEnded:
    """The driver said done (or died: `ok` false). `scheduled` counts the arrivals intended until it was stopped."""

    ok: bool
    why: str
    scheduled: int
    sent_ns: int
    done_ns: int
    kind: Literal["load-ended"] = "load-ended"
