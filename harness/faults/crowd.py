"""What the faults of clients share: some clients of ours that behave badly, counted, bounded in number and in time.

They connect to the server itself, as probes do: a proxy reads and buffers for the server, so that a client that does
not read, sends slowly or says nothing would hurt the proxy in its place, and refused or closed connections would show
late or not at all. What they ask is not in the load's rows; the evidence of the lift says what became of it.
"""

from __future__ import annotations

import asyncio
import resource
import socket
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from harness.deployment import Address
from harness.errors import MachineError
from harness.faults.fault import Evidence, Proof
from harness.system.socket_diag import established

LONGEST_S = 300.0
_MOST_VISITS = 1_000
_CONNECT_S = 3.0
_PROOF_S = 3.0
_END_S = 2.0
_OTHER_FILES = 256
ARRIVING_S = 0.4
"""Within this time those who stay come one after the other. Of connections that come all at once one worker takes as
many as its loop finds waiting (asyncio: up to the backlog), and its siblings would not meet the crowd."""

Tally = Counter[str]


@dataclass(slots=True)
class Crowd:
    """`visit` is what a client does once, given its number and its turn; it comes again `pause_s` later.

    They begin within `arriving_s`, one after the other; with 0 all at once, and so again at each turn.

    `shows` says by the tally whether the clients did to the server what they are for; the kernel must add that
    connections of theirs are established at the server's port.
    """

    address: Address
    clients: int
    visit: Callable[[Crowd, int, int], Awaitable[None]]
    shows: Callable[[Tally], bool]
    pause_s: float = 1.0
    arriving_s: float = 0.0
    tally: Tally = field(default_factory=Counter)
    ports: set[int] = field(default_factory=set)
    most_established: int = 0
    _tasks: list[asyncio.Task[None]] = field(default_factory=list)

    async def apply(self) -> Evidence:
        if self.clients > most_open():
            raise MachineError(
                f"{self.clients} clients need more open files than this process may have; raise the limit (ulimit -n)."
            )
        self._tasks = [asyncio.create_task(self._come(number)) for number in range(self.clients)]
        return {"clients": self.clients, "connect_to": "the server itself"}

    async def _come(self, number: int) -> None:
        await asyncio.sleep(number * self.arriving_s / self.clients)
        end = time.monotonic() + LONGEST_S
        for turn in range(_MOST_VISITS):
            try:
                async with asyncio.timeout(end - time.monotonic()):
                    await self.visit(self, number, turn)
            except TimeoutError:
                self.tally["timed_out"] += 1
            except ConnectionRefusedError:
                self.tally["refused"] += 1
            except ConnectionError:
                self.tally["reset_by_server"] += 1
            if time.monotonic() >= end:
                return
            await asyncio.sleep(self.pause_s)

    async def prove(self) -> Proof:
        """Waits until both have been seen."""
        end = time.monotonic() + _PROOF_S
        while not (shown := self.shows(self.tally)) and time.monotonic() < end:
            await asyncio.sleep(0.05)
        most = max(self.most_established, self.established())
        seen = ", ".join(f"{name} {count}" for name, count in sorted(self.tally.items())) or "nothing"
        why = f"The kernel has shown {most} of these clients' connections at the server's port; they count: {seen}."
        return Proof(shown and most > 0, why, {"established": most, **self.tally})

    async def lift(self) -> Evidence:
        """All of them go away at once, whatever they wait for."""
        if not self._tasks:
            return dict(self.tally)
        self.tally["open_at_the_end"] = len(self.ports)
        for task in self._tasks:
            task.cancel()
        done, _ = await asyncio.wait(self._tasks, timeout=_END_S)
        self._tasks = []
        broken = [error for task in done if not task.cancelled() and (error := task.exception())]
        if broken:
            raise MachineError(f"Clients of ours could not go on, so they were fewer than asked: {broken[0]}.")
        return dict(self.tally)

    def established(self) -> int:
        """How many connections of ours the kernel knows as established at the server's end."""
        port = self.address.port
        return sum(1 for row in established() if row.local_port == port and row.remote_port in self.ports)

    @asynccontextmanager
    async def connection(self, receive_buffer: int = 0) -> AsyncIterator[socket.socket]:
        """A new one to the server. It is closed without a farewell: what waits unread makes that a reset."""
        family = socket.AF_INET6 if ":" in self.address.host else socket.AF_INET
        with socket.socket(family, socket.SOCK_STREAM) as sock:
            sock.setblocking(False)
            if receive_buffer:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
            loop = asyncio.get_running_loop()
            async with asyncio.timeout(_CONNECT_S):
                await loop.sock_connect(sock, (self.address.host, self.address.port))
            self.tally["connected"] += 1
            port = sock.getsockname()[1]
            self.ports.add(port)
            if not self.most_established:  # asked here, for a server may close a bad client's connection at once
                self.most_established = self.established()
            try:
                yield sock
            finally:
                self.ports.discard(port)

    async def hear(self, sock: socket.socket, timeout_s: float | None = None) -> bytes:
        """The beginning of an answer, counted by its status; the end of the connection and silence are counted too."""
        try:
            async with asyncio.timeout(timeout_s):
                answer = await asyncio.get_running_loop().sock_recv(sock, 4096)
        except TimeoutError:
            self.tally["unanswered"] += 1
            return b""
        words = answer[:64].split(b" ", 2)
        if len(words) > 1 and words[0].startswith(b"HTTP/") and words[1].isdigit():
            self.tally[f"answered_{words[1].decode()}"] += 1
        else:
            self.tally["answered_otherwise" if answer else "closed_by_server"] += 1
        return answer


def most_open() -> int:
    """How many connections fit under the limit of open files, with some left for everything else of the harness."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return 1_000 if soft == resource.RLIM_INFINITY else max(1, min(1_000, soft - _OTHER_FILES))


async def send(sock: socket.socket, data: bytes) -> None:
    await asyncio.get_running_loop().sock_sendall(sock, data)
