"""What the faults of an HTTP part share: the stub is programmed, and a canary on the path sees it happen.

A fault may fall on a share of the requests only, so canaries are sent one after another until one meets it. The stub
counts what it spoils; both must say so of the same canary: one that is late by itself is no witness.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from harness.faults.fault import Choice, Evidence, Link, Parameter, Proof, Stage
from harness.faults.fetch import Reply, fetch
from harness.model.scenario import FaultUse
from harness.parts.stub import Behaviour, Counts, Stub

PATH = Choice(
    "path",
    "*",
    "which paths; a * at the end stands for any rest",
    pattern=r"\*|/[!-~]*",
    in_words="* or a path from the / on",
)
SHARE = Parameter("share_percent", 100, 10, 100, "of the requests, drawn with the trial's seed")

_CANARIES = 100
_PATIENCE_S = 10.0
_BEFORE, _BEFORE_S = 3, 2.0


@dataclass(slots=True)
class Programmed:
    """`shows` compares a canary with the one that was sent before anything was wrong."""

    name: str
    stub: Stub
    link: Link
    behaviour: Behaviour
    seed: int
    shows: Callable[[Reply, Reply], bool]
    count: Callable[[Counts], int]
    canary_s: float = 2.0
    _before: Reply = field(default_factory=Reply)
    _counted: int | None = None

    async def apply(self) -> Evidence:
        self._before, sent = await self._quickest()
        self._counted = self.count(await self.stub.counts())
        await self.stub.program([self.behaviour], by=self.name, seed=self.seed)
        return {"path": self.behaviour.path, "before": self._before.told, "canaries": sent}

    async def _quickest(self) -> tuple[Reply, int]:
        """Of a few, and how many: what else a busy machine does must not be taken for the part's own time."""
        replies: list[Reply] = []
        end = time.monotonic() + _BEFORE_S
        while len(replies) < _BEFORE and time.monotonic() < end:
            replies.append(await fetch(self.link, self._path, timeout_s=_BEFORE_S))
        answered = [reply for reply in replies if reply.status]
        return min(answered or replies, key=lambda reply: reply.first_ms), len(replies)

    async def prove(self) -> Proof:
        if self._counted is None:
            return Proof(False, f"The part {self.link.name} was not programmed.")
        sent, reply, met, spoiled = 0, Reply(), False, await self._spoiled()
        end = time.monotonic() + _PATIENCE_S
        while not met and sent < _CANARIES and time.monotonic() < end:
            sent, counted = sent + 1, spoiled
            reply = await fetch(self.link, self._path, timeout_s=self.canary_s)
            spoiled = await self._spoiled()
            met = spoiled > counted and self.shows(reply, self._before)
        told = f"{reply.told} within {reply.took_ms:.0f} ms" if reply.status else reply.told
        why = f"Canary {sent} through the {self.link.name} proxy was {told}; the stub counts {spoiled} so far."
        evidence: Evidence = {"canaries": sent, "canary": reply.told, "canary_ms": reply.took_ms, "counted": spoiled}
        return Proof(met, why, evidence)

    async def lift(self) -> Evidence:
        if not self.stub.alive:
            return {}
        await self.stub.program([], by=self.name)
        return {} if self._counted is None else {"counted": await self._spoiled()}

    @property
    def _path(self) -> str:
        path = self.behaviour.path
        return f"/{path[:-1].lstrip('/')}canary" if path.endswith("*") else path

    async def _spoiled(self) -> int:
        return self.count(await self.stub.counts()) - (self._counted or 0)


def programmed(
    use: FaultUse,
    stage: Stage,
    behaviour: Behaviour,
    shows: Callable[[Reply, Reply], bool],
    count: Callable[[Counts], int],
    canary_s: float = 2.0,
) -> Programmed:
    """The actor on the part that the use names."""
    stub, link = stage.stubs[use.what], stage.links[use.what]
    return Programmed(use.name, stub, link, behaviour, stage.seed, shows, count, canary_s)
