"""Recycling: a worker that has served its `max_requests` leaves, and the supervisor starts another.

It is the server's own doing, by its setting. Requests of ours for the liveness path, over a connection to one worker
beside the load, bring that one there within the fault's length; the load alone may need an hour. What is cut while it
leaves is what users pay for the setting, and whoever is connected to it has to connect again (F22, F23).
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from harness.deployment import Deployment
from harness.faults.fault import Actor, Evidence, FaultSpec, Parameter, Proof, Stage
from harness.faults.pins import Pins
from harness.model.scenario import FaultUse

_ANSWER_S = 10.0
_NOTICE_S = 20.0
_LOOK_S = 0.1
_ENDED = ("eof", "reset")


@dataclass(slots=True)
class Recycle:
    deployment: Deployment
    path: str
    rate_rps: float
    master: int = -1
    pid: int = -1
    before: Sequence[int] = field(default_factory=tuple)
    asked: int = 0
    ended: str = ""
    _task: asyncio.Task[None] | None = None

    async def apply(self) -> Evidence:
        self.master, self.before = self.deployment.master(), tuple(self.deployment.workers())
        self.pid = next(iter(self.before), -1)
        pins = await Pins.open(self.deployment, self.path, self.pid)
        self._task = asyncio.create_task(self._ask(pins))
        self._task.add_done_callback(lambda _: pins.close())
        return {"pid": self.master, "worker": self.pid, "max_requests": self._most}

    @property
    def _most(self) -> int:
        return self.deployment.settings.max_requests

    async def _ask(self, pins: Pins) -> None:
        """One client of that worker until the worker ends the connection. No other is opened then: whoever took it
        would be brought nearer to its own end.
        """
        while (answer := await pins.ask_one(self.pid, _ANSWER_S)) is not None:
            if answer.outcome != "answered":
                self.ended = answer.outcome
                return
            self.asked += 1
            await asyncio.sleep(max(0.0, 1 / self.rate_rps - (answer.done_ns - answer.sent_ns) / 1e9))

    async def prove(self) -> Proof:
        """The worker has left and another is there, of the same supervisor: nobody asked for it by a signal.

        It has ended the connection on which we asked, too. One that never answered us there cannot prove it any more.
        """
        end = time.monotonic() + self._most / self.rate_rps + _NOTICE_S
        while self._most and not self._is_done() and not self._is_in_vain() and time.monotonic() < end:
            await asyncio.sleep(_LOOK_S)
        now = self.deployment.workers()
        left, new = len(set(now) & set(self.before)), len(set(now) - set(self.before))
        there = "is still there" if self.pid in now else "has left"
        canary = self.ended or "open"
        why = (
            f"max_requests is {self._most}; after {self.asked} requests of ours beside the load worker {self.pid}"
            f" {there} (our connection to it: “{canary}”), {left} of {len(self.before)} workers are the old ones,"
            f" {new} are new."
        )
        return Proof(self._is_done(), why, {"left": left, "new": new, "asked": self.asked, "canary": canary})

    def _is_done(self) -> bool:
        now = self.deployment.workers()
        whole = len(now) == len(self.before) and self.deployment.master() == self.master
        told = self.asked > 0 and self.ended in _ENDED
        return self.master > 0 and whole and self.pid not in now and told

    def _is_in_vain(self) -> bool:
        return self._task is not None and self._task.done() and not (self.asked and self.ended in _ENDED)

    async def lift(self) -> Evidence:
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
            self._task = None
        return {"asked": self.asked}


def _build(use: FaultUse, stage: Stage) -> Actor:
    ingress = stage.links.get("ingress")
    return Recycle(stage.deployment, ingress.live if ingress else "/", FAULT.value(use, "rate_rps"))


FAULT = FaultSpec(
    name="recycle",
    on="server",
    does="requests of ours, rate_rps beside the load, until one worker has served its max_requests and is replaced",
    build=_build,
    parameters=(Parameter("rate_rps", 150, 10, 1_000, "requests a second for the liveness path, at most"),),
)
