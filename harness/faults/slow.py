"""Slow an HTTP dependency: it accepts at once and answers `latency_ms` later (F59).

Unlike a slow link this holds a request open at the dependency; a caller without a timeout waits all that time.
"""

from __future__ import annotations

from dataclasses import dataclass

from harness.faults import canary
from harness.faults.fault import Actor, Evidence, FaultSpec, Link, Parameter, Proof, Stage
from harness.model.scenario import FaultUse
from harness.parts.stub import Behaviour, Stub


@dataclass(slots=True)
class Slow:
    stub: Stub
    link: Link
    latency_ms: float

    async def apply(self) -> Evidence:
        await self.stub.program([Behaviour(path="*", latency_ms=self.latency_ms)], by="slow")
        return {"latency_ms": self.latency_ms}

    async def prove(self) -> Proof:
        echo = await canary.send(self.link, timeout_s=self.latency_ms / 1000 + 2.0)
        bites = echo.outcome == "answered" and echo.took_ms >= 0.9 * self.latency_ms
        evidence: Evidence = {"canary": echo.outcome, "canary_ms": echo.took_ms}
        return Proof(
            bites, f"A canary through the {self.link.name} proxy was answered in {echo.took_ms:.0f} ms.", evidence
        )

    async def lift(self) -> Evidence:
        if self.stub.alive:
            await self.stub.program([], by="slow")
        return {}


def _build(use: FaultUse, stage: Stage) -> Actor:
    return Slow(stage.stubs[use.what], stage.links[use.what], FAULT.value(use, "latency_ms"))


FAULT = FaultSpec(
    name="slow",
    on="http",
    does="the dependency answers latency_ms later",
    build=_build,
    parameters=(Parameter("latency_ms", 5000, 1, 60_000, "before each answer"),),
)
