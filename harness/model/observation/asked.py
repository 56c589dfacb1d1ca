"""What came of what we asked the service: probes, and requests that were held open."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

ProbeOutcome = Literal["answered", "refused", "timeout", "reset", "eof", "error"]


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
