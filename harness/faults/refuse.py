"""Refuse a link: open connections are cut, new ones are refused, as when the other end is down.

The proxy is disabled: what was open gets an orderly close, the port answers with RST (Toxiproxy 2.12, seen). The kernel
counts meanwhile who tried to connect; the lift tells it, without our own canary.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from harness.faults import canary
from harness.faults.fault import Actor, Evidence, FaultSpec, Link, Proof, Stage
from harness.model.scenario import FaultUse
from harness.parts.toxiproxy import Toxiproxy
from harness.system.connect_attempts import ConnectAttempts


@dataclass(slots=True)
class Refuse:
    toxiproxy: Toxiproxy
    link: Link
    by: str = "refuse"
    attempts: ConnectAttempts = field(init=False)
    canaries: int = 0

    def __post_init__(self) -> None:
        self.attempts = ConnectAttempts(self.link.proxy.listen.port)

    async def apply(self) -> Evidence:
        self.attempts.open()
        await self.toxiproxy.disable(self.link.proxy, by=self.by)
        return {}

    async def prove(self) -> Proof:
        enabled = (await self.toxiproxy.state(self.link.proxy)).enabled
        echo = await canary.send(self.link)
        self.canaries += echo.outcome == "refused"
        bites = not enabled and echo.outcome == "refused"
        evidence: Evidence = {"proxy_enabled": enabled, "canary": echo.outcome}
        return Proof(bites, f"A canary to the {self.link.name} proxy was “{echo.outcome}”.", evidence)

    async def lift(self) -> Evidence:
        await self.toxiproxy.lift(self.link.proxy, by=self.by)
        counted = await self.attempts.settle()
        self.attempts.close()
        return {} if counted is None else {"attempts": max(0, counted - self.canaries)}


def _build(use: FaultUse, stage: Stage) -> Actor:
    return Refuse(stage.toxiproxy, stage.links[use.what])


FAULT = FaultSpec(
    name="refuse",
    on="link",
    does="open connections of the link are cut, new ones refused",
    build=_build,
    owns="link/switch",
)
