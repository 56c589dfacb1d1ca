"""Fill the connection pool of one worker: what a part says on this worker's connections to it never arrives.

Whoever takes a connection from the pool keeps it until a timeout of its own, so the pool is soon full, and the worker's
siblings have a whole database beside it (F38, F39). It reaches exactly the connections of one worker: the kernel drops
at its sockets what carries data, as far as they lead to the part's proxy; new ones are found within a twentieth of a
second. What the worker sends arrives and is done. At the lift what was lost comes, sent again by TCP's own clock.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from harness.deployment import Deployment
from harness.errors import UsageError
from harness.faults import pins
from harness.faults.asking import head
from harness.faults.fault import Actor, Choice, Evidence, FaultSpec, Link, Proof, Stage
from harness.faults.pins import Pins
from harness.faults.repeating import Repeating
from harness.faults.worker import INDEX, pick
from harness.model.request import RequestLine
from harness.model.scenario import FaultUse
from harness.system import borrowed
from harness.system.proc import Stat, is_same
from harness.system.socket_diag import established
from harness.system.sockets import inodes_of

_AGAIN_S = 0.05
_SILENT_S = 1.0
_TRIES = 20
_REFUSED = "answered 5"  # with a status that says so: it waits for a connection, but not as long as we do


@dataclass(slots=True)
class FillPool:
    """`line` is a request that needs the part, for the proof; where the load has none, nobody can say that it bites."""

    deployment: Deployment
    link: Link
    live: str
    line: RequestLine | None
    index: int
    worker: Stat | None = None
    pins: Pins | None = None
    held: set[int] = field(default_factory=set)
    _again: Repeating | None = None

    async def apply(self) -> Evidence:
        self.worker, connections = await pick(self.deployment, self.index)
        self.pins = await Pins.open(self.deployment, self.live, self.worker.pid)
        self._again = Repeating(self._hold_new)
        await self._again.start()
        held = len(self.held)
        return {"pid": self.worker.pid, "connections": connections, "cut_off_from": self.link.name, "held": held}

    async def _hold_new(self) -> float:
        new = self._now() - self.held
        if new and self.worker is not None:
            with borrowed.borrow(self.worker.pid, new) as sockets:
                for each in sockets:
                    borrowed.drop(each, borrowed.DROP_DATA)
            self.held |= new
        return _AGAIN_S

    def _now(self) -> set[int]:
        """Inodes of the worker's open connections to the part's proxy."""
        if self.worker is None or not is_same(self.worker.pid, self.worker.start):
            return set()
        port = self.link.proxy.listen.port
        return {row.inode for row in established() if row.remote_port == port} & inodes_of(self.worker.pid)

    async def prove(self) -> Proof:
        """What the kernel has set at the worker's sockets, and what becomes of a request that needs the part."""
        if self.worker is None or self.pins is None:
            return Proof(False, "No worker's pool was filled.")
        hurt, other = await self._ask(self.pins)
        deaf, now = await self._count_deaf()
        evidence: Evidence = {
            "held": len(self.held),
            "open": now,
            "deaf": deaf,
            "asked": "nothing" if self.line is None else self.line.name,
            "canary": hurt,
            "other_worker": other,
        }
        asked = "no read of the load needs it, so that nobody can say whether a request waits"
        if self.line is not None:
            asked = f"asked for {self.line.name}, {pins.told(hurt, other)}"
        why = f"The kernel drops what {self.link.name} says on {deaf} of {now} connections of worker {self.worker.pid};"
        waits = hurt == "timeout" or (hurt.startswith(_REFUSED) and hurt != other)
        return Proof(0 < deaf == now and waits, f"{why} {asked}.", evidence)

    async def _ask(self, pins: Pins) -> tuple[str, str]:
        """Until the pool is full, a connection that was just opened may answer before it is found."""
        if self.line is None:
            return "none", "none"
        for _ in range(_TRIES):
            hurt, other = await pins.ask_anew(_SILENT_S, head(self.line))
            if hurt != "answered":
                break
            await asyncio.sleep(2 * _AGAIN_S)
        return hurt, other

    async def _count_deaf(self) -> tuple[int, int]:
        """Of how many open connections the kernel drops the data; a worker may open one while we count."""
        assert self.worker is not None
        for _ in range(_TRIES):
            await self._hold_new()
            now = self._now()
            with borrowed.borrow(self.worker.pid, now) as sockets:
                deaf = sum(borrowed.drops(each) for each in sockets)
            if 0 < deaf == len(now):
                break
            await asyncio.sleep(_AGAIN_S)
        return deaf, len(now)

    async def lift(self) -> Evidence:
        if self.pins is not None:
            self.pins.close()
        if self._again is not None:
            await self._again.stop()
        if self.worker is None:
            return {}
        with borrowed.borrow(self.worker.pid, self._now()) as sockets:
            for each in sockets:
                borrowed.pass_all(each)
        return {"pid": self.worker.pid, "held": len(self.held)}


def _build(use: FaultUse, stage: Stage) -> Actor:
    link = _link(use, stage)
    reads = [line for line in stage.lines if line.method == "GET" and not line.uses_key]
    line = next((line for line in reads if link.name in line.needs), None)
    live, index = stage.links["ingress"].live, int(FAULT.value(use, "index"))
    return FillPool(stage.deployment, link, live, line, index)


def _link(use: FaultUse, stage: Stage) -> Link:
    parts = {name: link for name, link in stage.links.items() if name != "ingress"}
    chosen = FAULT.word(use, "part") or next(iter([*stage.postgres, *parts]), "")
    if chosen not in parts:
        there = ", ".join(parts) or "none"
        raise UsageError(f"{use.id}: part must be the name of a part of the target ({there}), not {chosen!r}.")
    return parts[chosen]


FAULT = FaultSpec(
    name="pool",
    on="worker",
    does="what a part says on this worker's connections to it never arrives, so that its pool is full",
    build=_build,
    owns="pool",
    per="index",
    parameters=(INDEX,),
    choices=(
        Choice(
            "part",
            "",
            "which part; unset: the first PostgreSQL, else the first part",
            in_words="the name of a part of the target",
        ),
    ),
    unable=borrowed.why_not_borrow,
)
