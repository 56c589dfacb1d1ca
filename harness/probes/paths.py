"""Does the app reach its parts through our proxies? A fault on a proxy that is bypassed breaks nothing.

Seen in the kernel's socket table, never by asking the app: the connections that its processes hold to the proxy's port
and to the real part's port. HTTP clients often connect for one request only, so there the stub counts requests.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from harness.errors import HarnessError
from harness.model.observation import Noted, PathSampled
from harness.probes.roster import Roster
from harness.probes.ticks import ticks
from harness.probes.watch import Watch
from harness.system.socket_diag import established
from harness.system.sockets import inodes_of

PERIOD_S = 1.0
TIMEOUT_S = 2.0


@dataclass(frozen=True, slots=True)
class PathSpec:
    """A part, the port of its proxy and its own; `requests` counts what an HTTP part has been asked so far."""

    part: str
    proxy_port: int
    real_port: int
    requests: Callable[[], Awaitable[int]] | None = None


class PathsProbe:
    """Emits PathSampled for each part at 1 Hz."""

    def __init__(self, watch: Watch, paths: Sequence[PathSpec]) -> None:
        self._watch, self._paths = watch, tuple(paths)
        self._roster = Roster(watch.deployment)
        self._noted: set[str] = set()

    async def run(self) -> None:
        async for _ in ticks(PERIOD_S):
            sent_ns = self._watch.clock.now_ns()
            master, workers = self._roster.now()
            ports = {port for path in self._paths for port in (path.proxy_port, path.real_port)}
            held = connections_to(ports, (master, *workers))
            for path in self._paths:
                via_proxy = held.get(path.proxy_port, 0)
                if path.requests is not None:
                    counted = await self._requests(path.part, path.requests)
                    if counted is None:
                        continue
                    via_proxy = counted
                direct = held.get(path.real_port, 0)
                self._watch.emit(PathSampled(path.part, via_proxy, direct, sent_ns, self._watch.clock.now_ns()))

    async def _requests(self, part: str, requests: Callable[[], Awaitable[int]]) -> int | None:
        """None when the part cannot say; noted once."""
        sent_ns = self._watch.clock.now_ns()
        try:
            async with asyncio.timeout(TIMEOUT_S):
                return await requests()
        except (OSError, TimeoutError, HarnessError) as error:
            if part not in self._noted:
                self._noted.add(part)
                text = f"The requests at {part} could not be counted: {type(error).__name__}: {error}."
                self._watch.emit(Noted("path-unseen", text, {"part": part}, sent_ns, self._watch.clock.now_ns()))
            return None


def connections_to(ports: set[int], pids: Sequence[int]) -> dict[int, int]:
    """Established connections that these processes hold, by the port at the other end."""
    rows = [row for row in established() if row.remote_port in ports]
    if not rows:
        return {}
    ours: set[int] = set()
    for pid in pids:
        if pid > 0:
            ours |= inodes_of(pid)
    counts: dict[int, int] = {}
    for row in rows:
        if row.inode in ours:
            counts[row.remote_port] = counts.get(row.remote_port, 0) + 1
    return counts
