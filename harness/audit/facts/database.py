"""How the app uses its database: sessions, waiting statements, TLS, idle transactions, and what a cut does to it."""

from __future__ import annotations

from dataclasses import dataclass

IDLE_S = 5.0  # no transaction is idle for longer


@dataclass(frozen=True, slots=True)
class Burst:
    """Many requests at once while every table is locked, so that each one that gets a session keeps it.

    `sessions` is the highest number that was seen, `waiting` the number of statements seen to wait for a lock,
    `longest_wait_s` the oldest of them; `left_waiting`: so many still waited when the lock was lifted.
    `unanswered`: requests without any answer. `back_s`: until all lines were answered as expected after the lock was
    gone; −1 when they never were.
    """

    requests: int
    sessions: int
    max_connections: int
    tables: int
    waiting: int
    longest_wait_s: float
    left_waiting: int
    unanswered: int
    slowest_s: float
    held_s: float
    back_s: float


@dataclass(frozen=True, slots=True)
class Tls:
    """`offered`: the server does TLS. `forbidden`: a connection string of the app says that it must not be used."""

    offered: bool
    sessions: int
    encrypted: int
    forbidden: bool


@dataclass(frozen=True, slots=True)
class Idle:
    """Sessions idle in a transaction, looked at for as long as one was, and at most `watched_s`."""

    when: str
    sessions: int
    oldest_s: float
    watched_s: float


@dataclass(frozen=True, slots=True)
class Cut:
    """All sessions ended by the server. `back_s` as in `Burst`."""

    sessions: int
    back_s: float
    failing: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Role:
    name: str
    superuser: bool
    creates_roles: bool


@dataclass(frozen=True, slots=True)
class DatabaseUse:
    """`part` is empty where the target has no PostgreSQL. `lines`: what was asked; `why_not`: what kept us from it."""

    part: str = ""
    lines: tuple[str, ...] = ()
    why_not: str = ""
    deadline_s: float = 10.0
    recover_s: float = 5.0
    burst: Burst | None = None
    tls: Tls | None = None
    idle: tuple[Idle, ...] = ()
    cut: Cut | None = None
    roles: tuple[Role, ...] = ()
