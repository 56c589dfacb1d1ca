"""What is around the service: the machine, the database and what is stored there, the way to a part."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class MachineSampled:
    """Was the machine fit to judge? Over the last interval: worst lag of the harness's loop, the answer time of a
    trivial server of ours beside the app, stolen CPU share, share of time that some task waited for a CPU (PSI), share
    of all CPU time that went to processes which are none of the run's, share of it that was not idle, how many of the
    run's own processes waited for a CPU on average (−1: unknown)."""

    loop_lag_ms: float
    control_ms: float
    steal_share: float
    cpu_pressure_share: float
    harness_cpu_s: float
    sent_ns: int
    done_ns: int
    foreign_cpu_share: float = -1.0
    busy_share: float = -1.0
    waited_cpus: float = -1.0
    kind: Literal["machine"] = "machine"


@dataclass(frozen=True, slots=True)
class DatabaseSampled:
    """PostgreSQL as the reserved connection sees it: the app's sessions, and the server's limit.

    `reserve` of that limit is not for the app: what is kept for superusers, and our own session. `refused` counts the
    connections that the server turned away for want of room since the probe began, `timed_out` the statements that its
    statement_timeout has ended, `cancelled` those that somebody else has; −1 where its log is not ours. `oldest_s` is
    how long the oldest statement of the app has been in hand (−1: not told).
    """

    part: str
    sessions: int
    active: int
    idle_in_transaction: int
    max_connections: int
    sent_ns: int
    done_ns: int
    reserve: int = -1
    refused: int = -1
    oldest_s: float = -1.0
    timed_out: int = -1
    cancelled: int = -1
    kind: Literal["database"] = "database"


@dataclass(frozen=True, slots=True)
class SessionLimits:
    """The limits in time that PostgreSQL gives a new session of the app's role, in seconds (0: none).

    What the app sets in its own sessions is not among them, for nobody else can ask for that.
    """

    part: str
    statement_s: float
    lock_s: float
    idle_in_transaction_s: float
    sent_ns: int
    done_ns: int
    kind: Literal["session-limits"] = "session-limits"


@dataclass(frozen=True, slots=True)
class PathSampled:
    """How the app reaches a part: connections (HTTP: requests so far) that come through the proxy, and around it."""

    part: str
    via_proxy: int
    direct: int
    sent_ns: int
    done_ns: int
    kind: Literal["path"] = "path"


@dataclass(frozen=True, slots=True)
class KeysStored:
    """Result of the ledger's query after the load: stored keys of ours as pairs of key number and count."""

    keys: tuple[tuple[int, int], ...]
    rows: int
    sent_ns: int
    done_ns: int
    kind: Literal["stored"] = "stored"
