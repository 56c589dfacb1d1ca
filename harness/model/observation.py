"""What was seen during a trial: one typed line each, in the order of writing.

Every observation is stamped when the act began (`sent_ns`) and when it was complete (`done_ns`), in nanoseconds of the
monotonic clock since the trial's origin. −1 stands for "not known".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from harness.model.target import Scalar

PhaseName = Literal["boot", "warmup", "baseline", "fault", "recovery", "drain", "end"]
ProbeOutcome = Literal["answered", "refused", "timeout", "reset", "eof", "error"]


@dataclass(frozen=True, slots=True)
class PhaseBegan:
    """A phase of the timeline begins; the one before it ends here."""

    phase: PhaseName
    sent_ns: int
    done_ns: int
    kind: Literal["phase"] = "phase"


@dataclass(frozen=True, slots=True)
class FaultChanged:
    """A fault was applied, proved or lifted. `ok` false on prove means that no evidence was found that it bites."""

    fault: str
    action: Literal["apply", "prove", "lift"]
    ok: bool
    why: str
    evidence: Mapping[str, Scalar]
    sent_ns: int
    done_ns: int
    kind: Literal["fault"] = "fault"


@dataclass(frozen=True, slots=True)
class ProbeAnswered:
    """One probe and what came of it.

    `via` fresh: over a connection of its own, as an orchestrator does; pinned: over a connection kept open to the
    worker `pid`. `first` marks the first probe after pinning. A probe gives up after its spec's timeout, but a pinned
    or readiness probe goes on listening (`waited_ms` tells how long) so that the record holds the true time.
    """

    probe: Literal["live", "ready"]
    via: Literal["fresh", "pinned"]
    pid: int
    outcome: ProbeOutcome
    status: int
    sent_ns: int
    done_ns: int
    kind: Literal["probe"] = "probe"

    @property
    def good(self) -> bool:
        """Answered with a status from 200 to 399, as a kubelet counts it."""
        return self.outcome == "answered" and 200 <= self.status <= 399

    @property
    def took_s(self) -> float:
        return (self.done_ns - self.sent_ns) / 1e9


@dataclass(frozen=True, slots=True)
class WorkerPinned:
    """A keep-alive connection was opened and found to be served by worker `pid`."""

    pid: int
    sent_ns: int
    done_ns: int
    kind: Literal["pinned"] = "pinned"


@dataclass(frozen=True, slots=True)
class PinEnded:
    """A pinned connection ended (idle limit, recycle, death of the worker); it is pinned anew."""

    pid: int
    why: str
    sent_ns: int
    done_ns: int
    kind: Literal["unpinned"] = "unpinned"


@dataclass(frozen=True, slots=True)
class WorkersSeen:
    """The worker processes alive at this moment (zombies left out), and the supervisor (−1: gone)."""

    master: int
    pids: tuple[int, ...]
    sent_ns: int
    done_ns: int
    kind: Literal["workers"] = "workers"


@dataclass(frozen=True, slots=True)
class ProcessSampled:
    """One process of the deployment: state letter of /proc (R S D T Z), CPU seconds so far, memory, descriptors.

    `clients` of the descriptors are connections to the server's own port: how many there are is the load's doing.
    """

    pid: int
    role: Literal["master", "worker"]
    state: str
    cpu_s: float
    rss_bytes: int
    fds: int
    sent_ns: int
    done_ns: int
    clients: int = -1
    kind: Literal["process"] = "process"


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
class LogNoted:
    """A line of the server's log that means something: `what` is the server file's word for it."""

    what: str
    text: str
    sent_ns: int
    done_ns: int
    kind: Literal["log"] = "log"


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
class LoadEnded:
    """The driver said done (or died: `ok` false). `scheduled` counts the arrivals intended until it was stopped."""

    ok: bool
    why: str
    scheduled: int
    sent_ns: int
    done_ns: int
    kind: Literal["load-ended"] = "load-ended"


@dataclass(frozen=True, slots=True)
class InFlightEnded:
    """One request of the in-flight probe: held open across SIGTERM.

    `accepted_ns`: the server had it in hand (first part sent, connection accepted by a worker). `key` −1: none.
    """

    request: str
    pid: int
    accepted_ns: int
    outcome: ProbeOutcome
    status: int
    key: int
    sent_ns: int
    done_ns: int
    kind: Literal["in-flight"] = "in-flight"


@dataclass(frozen=True, slots=True)
class StackTaken:
    """What a worker was doing when it did not answer: py-spy's dump, or why there is none."""

    pid: int
    ok: bool
    text: str
    sent_ns: int
    done_ns: int
    kind: Literal["stack"] = "stack"


@dataclass(frozen=True, slots=True)
class ServerStopped:
    """The server was asked to end (`sent_ns`) and ended (`done_ns`); `killed`: it had to be SIGKILLed.

    `ended_by`: "drain" for the SIGTERM at the end of a trial, "fault" where a fault of the scenario did it,
    "itself" where it ended unasked.
    """

    ended_by: Literal["drain", "fault", "itself"]
    exit_code: int
    killed: bool
    grace_s: float
    sent_ns: int
    done_ns: int
    kind: Literal["stopped"] = "stopped"


@dataclass(frozen=True, slots=True)
class OrphansScanned:
    """Processes of the deployment that were still alive when the scan ended (`sent_ns`: the deployment's end)."""

    pids: tuple[int, ...]
    commands: tuple[str, ...]
    sent_ns: int
    done_ns: int
    kind: Literal["orphans"] = "orphans"


@dataclass(frozen=True, slots=True)
class KeysStored:
    """Result of the ledger's query after the load: stored keys of ours as pairs of key number and count."""

    keys: tuple[tuple[int, int], ...]
    rows: int
    sent_ns: int
    done_ns: int
    kind: Literal["stored"] = "stored"


PROXY_RENEWED = "proxy-renewed"
"""A note: Toxiproxy hung and was started anew, which cut every connection. No verdict on the service stands on that."""


@dataclass(frozen=True, slots=True)
class Noted:
    """Something the conductor wants a reader to know (a part died, a probe could not be pinned, …)."""

    what: str
    text: str
    detail: Mapping[str, Scalar] = field(default_factory=dict)
    sent_ns: int = -1
    done_ns: int = -1
    kind: Literal["note"] = "note"


@dataclass(frozen=True, slots=True)
class BootEnded:
    """The service came up (all workers answered) or did not; `log_tail` are its last lines."""

    ok: bool
    why: str
    log_tail: str
    sent_ns: int
    done_ns: int
    kind: Literal["boot"] = "boot"


@dataclass(frozen=True, slots=True)
class TrialEnded:
    """The record is complete when this is there with `reason` complete; anything else says why it is not."""

    reason: Literal["complete", "interrupted", "error"]
    why: str
    sent_ns: int
    done_ns: int
    kind: Literal["ended"] = "ended"


Observation = (
    PhaseBegan
    | FaultChanged
    | ProbeAnswered
    | WorkerPinned
    | PinEnded
    | WorkersSeen
    | ProcessSampled
    | MachineSampled
    | DatabaseSampled
    | SessionLimits
    | PathSampled
    | LogNoted
    | LoadSummed
    | LoadStarted
    | LoadLines
    | LoadEnded
    | InFlightEnded
    | StackTaken
    | ServerStopped
    | OrphansScanned
    | KeysStored
    | Noted
    | BootEnded
    | TrialEnded
)
