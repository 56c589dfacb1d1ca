"""Connections of ours that workers have accepted before a fault: what a hurt worker and a whole one say on them.

Nobody can choose the worker that takes a connection, so they are opened until both have one. They go to the server
itself, past the proxy, and ask its liveness path.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field

from harness.deployment import Deployment
from harness.faults.fault import Evidence
from harness.probes.http import Answer, Connection, get_request
from harness.probes.owners import Owned, ask_owner
from harness.system.clock import Clock

_OPEN_S = 3.0
_MOST_OPEN = 50
_PAUSE_S = 0.005
_ANEW = 2


@dataclass(slots=True)
class Pins:
    """One connection to each worker that took one. `hurt` is the worker that the fault is aimed at."""

    deployment: Deployment
    path: str
    hurt: int
    connections: dict[int, Connection] = field(default_factory=dict)
    left: asyncio.Future[Answer] | None = None
    left_at_s: float = 0.0

    @classmethod
    async def open(cls, deployment: Deployment, path: str, hurt: int) -> Pins:
        """As many as can be had within 3 s; done once the worker and, where there is one, another have theirs.

        What is left over stays open until then: a worker that has many is not the quickest to take the next. One that
        is awake all the time may take many on end, so there is a pause after each, and a new beginning after many;
        none where no worker has kept one open, for then the app closes each.
        """
        pins = cls(deployment, path, hurt)
        await pins._fill()
        return pins

    async def _fill(self) -> None:
        over = list[Connection]()
        clock, pids = Clock.start(), tuple(self.deployment.workers())
        wanted = min(2, len(pids))
        if self.hurt not in pids:
            return  # it has gone
        try:
            async with asyncio.timeout(_OPEN_S):
                while not (self.hurt in self.connections and len(self.connections) >= wanted):
                    if len(over) >= _MOST_OPEN:
                        if not self.connections:
                            break
                        while over:
                            over.pop().close()
                    found = await ask_owner(self.deployment, self.path, clock, pids)
                    if not isinstance(found, Owned):
                        await asyncio.sleep(0.05)
                    elif found.pid in pids and found.pid not in self.connections and found.answer.reusable:
                        self.connections[found.pid] = found.connection
                    else:
                        over.append(found.connection)
                        await asyncio.sleep(_PAUSE_S)
        except TimeoutError:
            pass
        finally:
            for connection in over:
                connection.close()

    async def ask_anew(self, timeout_s: float, request: bytes | None = None) -> tuple[str, str]:
        """As `ask`, of a worker that still takes connections: where ours has ended or was never there, a new one."""
        for _ in range(_ANEW):
            hurt, other = await self.ask(timeout_s, request)
            if hurt not in ("none", "eof"):
                return hurt, other
            self.close()
            await self._fill()
        return await self.ask(timeout_s, request)

    @property
    def _other(self) -> int:
        """A worker with a connection of ours that is not the hurt one; −1 where there is none."""
        return next((pid for pid in self.connections if pid != self.hurt), -1)

    async def ask(self, timeout_s: float, request: bytes | None = None) -> tuple[str, str]:
        """What becomes of a question to the hurt worker, and to another: "answered", "timeout", "eof" … or "none".

        `request` is what is asked in place of liveness.
        """
        answers = await asyncio.gather(*(self.ask_one(pid, timeout_s, request) for pid in (self.hurt, self._other)))
        return _said(answers[0]), _said(answers[1])

    async def ask_and_leave(self, timeout_s: float, request: bytes) -> tuple[str, str]:
        """As `ask`, but what the hurt worker has not answered in that time goes on waiting, until `take_left`."""
        connection = self.connections.get(self.hurt)
        if connection is None:
            return await self.ask(timeout_s, request)
        began_s, waiting = time.monotonic(), connection.send(request)
        _, answer = await asyncio.gather(
            asyncio.wait([waiting], timeout=timeout_s), self.ask_one(self._other, timeout_s, request)
        )
        if not waiting.done():
            self.left, self.left_at_s = waiting, began_s
        return (_said(waiting.result()) if waiting.done() else "timeout"), _said(answer)

    def take_left(self) -> Evidence:
        """Of the question that was left, which ends here: how long ago it was asked, for how long it had no answer,
        and how that ended. Empty where there was none.
        """
        waiting, self.left = self.left, None
        if waiting is None:
            return {}
        asked_s = time.monotonic() - self.left_at_s
        if not waiting.done():
            self.connections[self.hurt].give_up()
        answer = waiting.result()
        waited_s = (answer.done_ns - answer.sent_ns) / 1e9
        return {"asked_before_s": round(asked_s, 3), "waited_s": round(waited_s, 3), "ended": _said(answer)}

    async def ask_one(self, pid: int, timeout_s: float, request: bytes | None = None) -> Answer | None:
        """None where there is no connection to it."""
        connection = self.connections.get(pid)
        if connection is None:
            return None
        return await connection.ask(request or get_request(self.deployment.address, self.path), timeout_s)

    async def slowest_ms(self, for_s: float, timeout_s: float) -> float:
        """Of the hurt worker's answers, asked again and again, so that pauses are met; −1 where one did not come."""
        end, slowest_s = time.monotonic() + for_s, 0.0
        while (began := time.monotonic()) < end:
            answer = await self.ask_one(self.hurt, timeout_s)
            if answer is None or answer.outcome != "answered":
                return -1.0
            slowest_s = max(slowest_s, time.monotonic() - began)
        return round(slowest_s * 1000, 1)

    def close(self) -> None:
        for connection in self.connections.values():
            connection.close()
        self.connections = {}
        self.left = None


def _said(answer: Answer | None) -> str:
    if answer is None:
        return "none"
    return f"answered {answer.status}" if answer.outcome == "answered" and not answer.good else answer.outcome


def told(hurt: str, other: str) -> str:
    """The half sentence of a proof."""
    return f"over connections of ours it was “{hurt}”, another worker “{other}”"
