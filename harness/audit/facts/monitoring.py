"""What became of exceptions that were provoked, and what the metrics say of requests that were counted."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Provoked:
    """One request that met a defect of the database. `status` −1: no answer.

    `as_expected`: answered as if nothing were wrong. `statements_failed` is what PostgreSQL logged meanwhile, −1 for
    not known. `logged` is "traceback", "error" (a line at error level that names an exception) or empty. `reports` are
    the error reports that came of a defect. `told` are the inner things that the body tells.
    """

    line: str
    status: int
    as_expected: bool
    statements_failed: int = -1
    logged: str = ""
    reports: int = 0
    told: tuple[str, ...] = ()
    excerpt: str = ""

    @property
    def is_defect(self) -> bool:
        """A 5xx that is no deliberate "not now" (502, 503, 504): an exception that nobody handled."""
        return self.status >= 500 and self.status not in (502, 503, 504)


@dataclass(frozen=True, slots=True)
class Reported:
    """An error report that came: types of the exceptions, and how it is tagged."""

    exceptions: tuple[str, ...]
    environment: str
    release: str


@dataclass(frozen=True, slots=True)
class Scrape:
    """One round of scrapes on fresh connections at once: for each, the sums of the counters of requests by name."""

    sums: tuple[dict[str, float], ...]


@dataclass(frozen=True, slots=True)
class MetricsSeen:
    """`asked` requests were answered between the scrapes `before` and `after`. `path` empty: no metrics were found."""

    path: str
    asked: int = 0
    before: tuple[Scrape, ...] = ()
    after: tuple[Scrape, ...] = ()


@dataclass(frozen=True, slots=True)
class Monitoring:
    """`how` says what provoked the exceptions: "tables away", "values missing" or empty for nothing that worked.

    `reports` came of the answers of `provoked` that are defects; `leaked` are the names of secrets in any report, and
    `unreadable` were posted packed in an unknown way. `broken_after` are lines that did not recover when the tables
    were back. `sdk`: the app's interpreter can import Sentry's SDK; `report_env_declared`: the target file sets its
    variable.
    """

    how: str
    provoked: tuple[Provoked, ...]
    reports: tuple[Reported, ...]
    posted: int
    leaked: tuple[str, ...]
    sdk: bool
    report_env: str
    report_env_declared: bool
    canaries: tuple[str, ...]
    broken_after: tuple[str, ...]
    metrics: MetricsSeen
    unreadable: int = 0
    workers: int = 1
    alerting: str = ""
