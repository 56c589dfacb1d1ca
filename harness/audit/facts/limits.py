"""How the app answers when too much is sent, too much is asked, or what it needs keeps silent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

BodyKind = Literal["declared", "chunked", "below"]


@dataclass(frozen=True, slots=True)
class Body:
    """A large body that was sent. `status` −1: the connection ended without an answer, or none came in time.

    `declared` has a Content-Length, `chunked` has none, `below` is just within `audit.body_max_bytes`. `sent_bytes` is
    what the other side took before it answered, `grew_bytes` how much memory the workers took meanwhile, at most.
    """

    kind: BodyKind
    request: str
    status: int
    size_bytes: int
    sent_bytes: int
    grew_bytes: int
    server: str = ""
    timed_out: bool = False

    @property
    def whole(self) -> bool:
        """Was all of it taken before there was an answer?"""
        return self.sent_bytes >= self.size_bytes


@dataclass(frozen=True, slots=True)
class Timed:
    """One request. `status` −1: no answer within the time that was waited, or none at all."""

    line: str
    status: int
    took_s: float


@dataclass(frozen=True, slots=True)
class Silence:
    """A part that kept silent: what became of requests that need it, and of others.

    `reached`: how many came to the part; None where that cannot be seen.
    """

    part: str
    reached: int | None = None
    needing: tuple[Timed, ...] = ()
    others: tuple[Timed, ...] = ()


@dataclass(frozen=True, slots=True)
class Retried:
    """What one request of ours became at a failing HTTP part: calls when it was well, and the most while it failed.

    `writes`: its method may change something. `failed_with` is what the part answered. `background`: calls that came
    without any request of ours.
    """

    part: str
    line: str
    writes: bool
    well: int
    failing: int
    failed_with: int
    background: bool = False


@dataclass(frozen=True, slots=True)
class Idle:
    """Connections that never finished their request's head: how many were open, and how many the server had closed
    after `held_s`; and fresh requests meanwhile."""

    asked: int = 0
    opened: int = 0
    closed: int = 0
    held_s: float = 0.0
    fresh: tuple[Timed, ...] = ()


@dataclass(frozen=True, slots=True)
class Overload:
    """A burst at a slowed database. `sessions`: the app's connections to it, at most.

    `by_status` counts answers, with "-1" for those that never came; `late` of all are those beyond the deadline.
    """

    tried: bool = False
    concurrency: int = 0
    sessions: int = 0
    latency_ms: int = 0
    by_status: Mapping[str, int] = field(default_factory=dict)
    retry_after: int = 0
    late: int = 0
    slowest_s: float = 0.0

    @property
    def asked(self) -> int:
        return sum(self.by_status.values())


@dataclass(frozen=True, slots=True)
class Proxy:
    """What an nginx configuration says. Times in seconds, `body_max_bytes` 0 for no limit.

    `keeps`: connections to the service are kept open. `wrong`: why it could not be read.
    """

    file: str
    wrong: str = ""
    read_timeout_s: float = 60.0
    keepalive_s: float = 60.0
    keeps: bool = False
    body_max_bytes: int = 2**20


@dataclass(frozen=True, slots=True)
class Limits:
    """`http_parts` and `postgres_parts` are those that a declared line needs."""

    deadline_s: float
    slack_s: float
    bodies: tuple[Body, ...] = ()
    body_max_bytes: int = 0
    http_parts: tuple[str, ...] = ()
    postgres_parts: tuple[str, ...] = ()
    dependency: tuple[Silence, ...] = ()
    retried: tuple[Retried, ...] = ()
    database: tuple[Silence, ...] = ()
    idle: Idle = Idle()
    overload: Overload = Overload()
    proxy: Proxy | None = None
    proxy_declared: str = ""
    keepalive_s: float | None = None
