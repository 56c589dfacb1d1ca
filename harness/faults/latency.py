"""Slow a link: every answer of the other end arrives `latency_ms` later (jitter on top), nothing is lost.

One direction is delayed, so one round trip costs `latency_ms` once; a pooled asyncpg query makes two (F51), a new
connection four to five. The TCP connect itself is not delayed: the proxy accepts it (Toxiproxy 2.12, seen).
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from harness.faults import canary
from harness.faults.fault import Actor, Evidence, FaultSpec, Link, Parameter, Proof, Stage
from harness.model.scenario import FaultUse
from harness.parts.toxic import Toxic
from harness.parts.toxiproxy import Toxiproxy

_NAME = "shakedown_latency"
_JITTERED = 8


@dataclass(slots=True)
class Latency:
    toxiproxy: Toxiproxy
    link: Link
    latency_ms: int
    jitter_ms: int
    _before_ms: float = field(default=0.0)

    async def apply(self) -> Evidence:
        self._before_ms = await canary.quickest_ms(self.link)
        attributes = {"latency": self.latency_ms, "jitter": self.jitter_ms}
        await self.toxiproxy.add(self.link.proxy, Toxic(_NAME, "latency", "downstream", attributes))
        return {"latency_ms": self.latency_ms, "jitter_ms": self.jitter_ms, "canaries": canary.BEFORE}

    async def prove(self) -> Proof:
        """Under jitter one canary shows little, so there are several at once: late enough, and unlike each other."""
        present = any(toxic.name == _NAME for toxic in (await self.toxiproxy.state(self.link.proxy)).toxics)
        timeout_s = 2.0 + (self.latency_ms + self.jitter_ms) / 1000
        count = _JITTERED if self.jitter_ms else 1
        echoes = await asyncio.gather(*(canary.send(self.link, timeout_s=timeout_s) for _ in range(count)))
        took = [echo.took_ms for echo in echoes]
        added, spread = round(max(took) - self._before_ms, 1), round(max(took) - min(took), 1)
        answered = all(echo.outcome == "answered" for echo in echoes)
        late = added >= 0.9 * self.latency_ms and spread >= 0.2 * self.jitter_ms
        outcomes = " ".join(sorted({echo.outcome for echo in echoes}))
        evidence: Evidence = {
            "toxic_read_back": present,
            "canaries": count,
            "canary": outcomes,
            "canary_added_ms": added,
        }
        why = f"A canary through the {self.link.name} proxy took {added:g} ms longer than before."
        if self.jitter_ms:
            evidence = {**evidence, "canary_spread_ms": spread}
            why = f"{count} canaries through the {self.link.name} proxy took up to {added:g} ms longer than before."
        return Proof(present and answered and late, why, evidence)

    async def lift(self) -> Evidence:
        await self.toxiproxy.lift(self.link.proxy, _NAME)
        return {}


def _build(use: FaultUse, stage: Stage) -> Actor:
    latency, jitter = FAULT.value(use, "latency_ms"), FAULT.value(use, "jitter_ms")
    return Latency(stage.toxiproxy, stage.links[use.what], int(latency), int(jitter))


FAULT = FaultSpec(
    name="latency",
    on="link",
    does="every answer over the link comes latency_ms later; nothing is lost",
    build=_build,
    owns="link/latency",
    parameters=(
        Parameter("latency_ms", 100, 1, 60_000, "added to each answer"),
        Parameter("jitter_ms", 0, 0, 60_000, "uniform, more or less"),
    ),
)
