"""The processes of the service, from boot to what is left of them, and what they had to say."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


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
class LogNoted:
    """A line of the server's log that means something: `what` is the server file's word for it."""

    what: str
    text: str
    sent_ns: int
    done_ns: int
    kind: Literal["log"] = "log"


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
