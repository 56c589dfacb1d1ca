"""One worker, as the master knows it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import Any

from harness.load.cluster.clocks import PINGS, SAME, Offset, Pong, offset_of

_COUNTED = ("sent", "answered", "ok", "failed", "timed_out", "unfinished", "not_sent", "in_flight", "waiting")


@dataclass(slots=True)
class Member:
    """`id` is Locust's; `number` counts from 0 in the order of coming. Moments are of our monotonic clock."""

    id: str
    number: int
    pid: int
    host: str
    is_local: bool
    clock: Offset | None
    heard_ns: int
    pongs: list[Pong] = field(default_factory=list)
    engine: dict[str, Any] | None = None
    """What its engine said when it was ready."""
    promised_ns: int = 0
    worried: bool = False
    in_epochs: bool = False
    started: bool = False
    total: dict[str, Any] = field(default_factory=dict)
    fresh_total: bool = False
    chunks: int = 0
    digest: Any = field(default_factory=hashlib.sha256)
    done: dict[str, Any] | None = None
    gone: str = ""
    """Why it sends no more, though the load goes on."""

    @property
    def name(self) -> str:
        return f"load worker {self.number + 1} ({self.host}, pid {self.pid})"

    @property
    def is_ready(self) -> bool:
        return self.engine is not None and self.clock is not None and not self.gone

    @property
    def ended(self) -> bool:
        return bool(self.gone) or self.done is not None

    @property
    def sends(self) -> bool:
        return self.started and not self.ended

    def hear_pong(self, pong: Pong) -> None:
        self.pongs.append(pong)
        if len(self.pongs) >= PINGS:
            self.clock = offset_of(self.pongs)

    def theirs_ns(self, moment_ns: int) -> int:
        """A moment of ours on its clock."""
        return moment_ns + (self.clock or SAME).ns

    def add_chunk(self, number: int, rows: bytes) -> bool:
        """False for one that was here already."""
        if number != self.chunks:
            return False
        self.chunks += 1
        self.digest.update(rows)
        return True

    def is_whole(self) -> bool:
        """Whether all rows that it sent have come, by what it says of them at its end."""
        return (
            self.done is not None
            and self.done["chunks"] == self.chunks
            and self.done["sha256"] == self.digest.hexdigest()
        )


def add_up(members: list[Member]) -> dict[str, int]:
    """What their engines counted, together."""
    return {name: sum(int(member.total.get(name, 0)) for member in members) for name in _COUNTED}
