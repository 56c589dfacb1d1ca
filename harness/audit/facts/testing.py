"""What a smoke test and a short load said of the deployment that was booted, and what is vouched for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Asked:
    """One request of the smoke test. `status` −1: no answer. `as_expected` looks at the body too where that is said."""

    name: str
    status: int
    expect: tuple[int, ...]
    as_expected: bool
    took_ms: float


@dataclass(frozen=True, slots=True)
class Documented:
    """A declared line against the app's OpenAPI document; −1 for a line that had no answer."""

    name: str
    status: int
    path_found: bool
    status_found: bool


@dataclass(frozen=True, slots=True)
class LineLoad:
    """A request line in the load; quantiles are −1 where nothing was answered. Counted from when it was due."""

    name: str
    n: int
    errors: int
    p50_ms: float
    p99_ms: float


@dataclass(frozen=True, slots=True)
class LoadSeen:
    """A short load. `over` took longer than the SLO or failed; `not_sent` never left.

    `lag_p99_ms` is how late requests left, `loop_lag_ms` the harness's own worst stall meanwhile, `foreign_cpu_share`
    what processes of others used (−1: unknown).
    """

    rate_rps: float
    duration_s: float
    n: int
    errors: int
    over: int
    not_sent: int
    p50_ms: float
    p99_ms: float
    lag_p99_ms: float
    loop_lag_ms: float
    foreign_cpu_share: float
    lines: tuple[LineLoad, ...] = ()


@dataclass(frozen=True, slots=True)
class Tried:
    """`schema`: the OpenAPI document is "served", "absent", or "broken", which is served and does not parse."""

    asked: tuple[Asked, ...]
    lines_declared: bool
    schema: Literal["served", "absent", "broken"]
    documented: tuple[Documented, ...]
    loads: tuple[LoadSeen, ...]
    p99_ms: float
    error_rate: float
    loop_lag_ms: float
    foreign_cpu_share: float
    ci: str = ""
    staging: str = ""
