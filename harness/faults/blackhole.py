"""Blackhole a link: no byte passes in either direction and nothing is closed, as behind a firewall that drops.

Unlike real packet loss the kernel still acknowledges, so TCP keep-alive sees nothing (T14). Lifting it closes the
connections that were under it (Toxiproxy 2.12, seen): whoever held them has to open new ones.
"""

from __future__ import annotations

from dataclasses import dataclass

from harness.faults import canary
from harness.faults.fault import Actor, Evidence, FaultSpec, Link, Proof, Stage
from harness.model.scenario import FaultUse
from harness.parts.toxic import Stream, Toxic
from harness.parts.toxiproxy import Toxiproxy

_DIRECTIONS: tuple[Stream, ...] = ("upstream", "downstream")


@dataclass(slots=True)
class Blackhole:
    toxiproxy: Toxiproxy
    link: Link

    async def apply(self) -> Evidence:
        for stream in _DIRECTIONS:
            await self.toxiproxy.add(self.link.proxy, Toxic(_name(stream), "timeout", stream, {"timeout": 0}))
        return {"directions": 2}

    async def prove(self) -> Proof:
        toxics = [toxic for toxic in (await self.toxiproxy.state(self.link.proxy)).toxics if toxic.type == "timeout"]
        echo = await canary.send(self.link, timeout_s=0.5)
        bites = len(toxics) == 2 and echo.outcome == "silent"
        evidence: Evidence = {"toxics_read_back": len(toxics), "canary": echo.outcome, "canary_ms": echo.took_ms}
        said = "no byte in" if echo.outcome == "silent" else f"“{echo.outcome}” after"
        return Proof(bites, f"A canary through the {self.link.name} proxy got {said} {echo.took_ms:.0f} ms.", evidence)

    async def lift(self) -> Evidence:
        await self.toxiproxy.lift(self.link.proxy, *map(_name, _DIRECTIONS))
        return {}


def _name(stream: Stream) -> str:
    return f"shakedown_blackhole_{stream}"


def _build(use: FaultUse, stage: Stage) -> Actor:
    return Blackhole(stage.toxiproxy, stage.links[use.what])


FAULT = FaultSpec(
    name="blackhole",
    on="link",
    does="no byte passes over the link, nothing is closed; lifting closes",
    build=_build,
    owns="link/blackhole",
)
