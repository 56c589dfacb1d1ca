"""Accept, then hang: new connections of a link are accepted and hear nothing, those that were open go on.

So does a server whose accept queue is alive and whose process is not, or a load balancer with a dead target. A timeout
for connecting does not help, only one for the answer (F35, F36). What a new connection sends is lost on its way into
the proxy and sent again after the lift, so nothing is closed.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from harness.faults import canary
from harness.faults.ends import deaf, ends_of, listener_of, lose, lose_nothing
from harness.faults.fault import Actor, Evidence, FaultSpec, Link, Proof, Stage
from harness.faults.witness import Witness, told
from harness.model.scenario import FaultUse
from harness.parts.toxiproxy import Toxiproxy
from harness.system.borrowed import DROP_DATA, why_not_borrow

_HANDSHAKE_S = 0.05


@dataclass(slots=True)
class AcceptThenHang:
    toxiproxy: Toxiproxy
    link: Link
    witness: Witness | None = None

    async def apply(self) -> Evidence:
        self.witness = await Witness.open(self.link)
        open_now = len(ends_of(self.toxiproxy, self.link).clients)
        lose(self.toxiproxy, listener_of(self.toxiproxy, self.link), DROP_DATA)
        return {"connections_open": open_now}

    async def prove(self) -> Proof:
        """What the kernel has set at the socket that accepts, and what becomes of an open and of a new connection."""
        listening = deaf(self.toxiproxy, listener_of(self.toxiproxy, self.link))
        open_one = await self.witness.ask(1.0) if self.witness else "never open"
        echo = await canary.send(self.link, timeout_s=0.5)
        evidence: Evidence = {
            "listener_deaf": listening == 1,
            "open_connection": open_one,
            "canary": echo.outcome,
            "canary_connected": echo.connected,
        }
        hangs = open_one == "answered" and echo.connected and echo.outcome == "silent"
        why = f"The kernel {'drops' if listening else 'does not drop'} what comes in on what the {self.link.name} proxy"
        why += f" accepts. {told(self.link, open_one, echo.outcome)}"
        return Proof(listening == 1 and hangs, why, evidence)

    async def lift(self) -> Evidence:
        if self.witness is not None:
            await self.witness.close()
        lose_nothing(self.toxiproxy, listener_of(self.toxiproxy, self.link))
        await asyncio.sleep(_HANDSHAKE_S)  # whoever was in the handshake has inherited the loss
        lose_nothing(self.toxiproxy, ends_of(self.toxiproxy, self.link).clients)
        return {}


def _build(use: FaultUse, stage: Stage) -> Actor:
    return AcceptThenHang(stage.toxiproxy, stage.links[use.what])


FAULT = FaultSpec(
    name="accept-then-hang",
    on="link",
    does="new connections are accepted and hear nothing, open ones go on",
    build=_build,
    owns="link",
    unable=why_not_borrow,
)
