"""What the server is made of, how it ends, starts and replaces a worker, and whom it believes."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Settings:
    """Read, as the app's interpreter resolves them. None: the server has no such limit.

    `trusted_proxies`: whose X-Forwarded headers the server believes.
    """

    server: str
    version: str
    stuck_timeout_s: float | None
    graceful_s: float | None
    keepalive_s: float | None
    trusted_proxies: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Listening:
    """A socket that a process of the deployment listens on."""

    host: str
    port: int
    process: str


@dataclass(frozen=True, slots=True)
class Held:
    """A request that was open across SIGTERM, in seconds after it. `accepted_s` None: no worker had it."""

    request: str
    accepted_s: float | None
    done_s: float
    outcome: str
    status: int


@dataclass(frozen=True, slots=True)
class Ending:
    """`killed`: it had to be, after `grace_s`."""

    held: tuple[Held, ...]
    took_s: float
    grace_s: float
    exit_code: int
    killed: bool


@dataclass(frozen=True, slots=True)
class Replacing:
    """Kills of one worker each: after how many seconds a new one answered, −1 when none did in `waited_s`."""

    supervised: bool
    answered_after_s: tuple[float, ...] = ()
    waited_s: float = 0.0


@dataclass(frozen=True, slots=True)
class ColdStart:
    """A start while the database refuses. Times are seconds, −1 for never within `waited_s`.

    `said_ready`: some worker said ready meanwhile. `ready_needs`: is it declared that readiness needs the database?
    """

    waited_s: float
    exit_code: int | None
    lived_after_s: float
    ready_needs: bool
    said_ready: bool = False
    ready_after_s: float = -1.0
    last_lines: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Redirect:
    """The same request, plain and with forged headers: the scheme of `Location` in each answer, empty without one."""

    path: str
    source: str
    plain: str
    forged: str
    plain_status: int
    forged_status: int


@dataclass(frozen=True, slots=True)
class Forwarded:
    """Requests with forged headers from an address that is no trusted proxy.

    `lines_forged` are log lines with the forged address and without the true one, `lines_true` those with the true one.
    `believed_from_trusted`: what a trusted proxy of this machine says is taken over; None where none is trusted.
    """

    source: str
    source_is_trusted: bool
    redirects: tuple[Redirect, ...] = ()
    answers: int = 0
    echoed_on: tuple[str, ...] = ()
    lines_forged: int = 0
    lines_true: int = 0
    example: str = ""
    believed_from_trusted: bool | None = None


@dataclass(frozen=True, slots=True)
class Server:
    workers_asked: int
    workers_answered: int
    cpus: float
    deadline_s: float
    settings: Settings
    address: str
    port: int
    ports_declared: tuple[int, ...]
    listening: tuple[Listening, ...]
    forwarded: Forwarded
    ending: Ending | None = None
    replacing: Replacing | None = None
    cold_start: ColdStart | None = None
    up: str = ""
    """Why the deployment that was to be ended did not come up; empty when it did."""
