"""Half-open: every packet of a link is lost, in both directions, without a word, as behind a firewall that forgot.

Nothing is acknowledged and nothing refused: connections stay open on the app's side, sending fills its buffers, a new
connection hangs in its handshake (F35, and keep-alive or TCP_USER_TIMEOUT would notice, unlike under `blackhole`). The
kernel drops at the proxy's sockets of this link alone, so nothing else on the machine is touched. After the lift what
was sent is sent again, by the kernels' clocks: a connection may need as long again as the fault took.
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
from harness.system.borrowed import DROP_ALL, why_not_borrow

_ROUNDS, _CONNECT_S = 10, 0.05


@dataclass(slots=True)
class HalfOpen:
    toxiproxy: Toxiproxy
    link: Link
    witness: Witness | None = None

    async def apply(self) -> Evidence:
        self.witness = await Witness.open(self.link)
        lose(self.toxiproxy, listener_of(self.toxiproxy, self.link), DROP_ALL)  # first: nothing comes in between
        return {"sockets": await self._lose_all()}

    async def _lose_all(self) -> int:
        """Whoever was accepted a moment before is still being connected to the part: until all of them are deaf."""
        for _ in range(_ROUNDS):
            connections = ends_of(self.toxiproxy, self.link).connections
            count = lose(self.toxiproxy, connections, DROP_ALL)
            await asyncio.sleep(_CONNECT_S)
            if ends_of(self.toxiproxy, self.link).connections <= connections:
                break
        return count

    async def prove(self) -> Proof:
        """What the kernel has set at the proxy's sockets, and what becomes of an open and of a new connection."""
        listening = deaf(self.toxiproxy, listener_of(self.toxiproxy, self.link))
        lost, there = await self._count_deaf()
        open_one = await self.witness.ask(0.5) if self.witness else "never open"
        echo = await canary.send(self.link, timeout_s=0.5)
        evidence: Evidence = {
            "listener_deaf": listening == 1,
            "sockets": there,
            "deaf": lost,
            "open_connection": open_one,
            "canary": echo.outcome,
            "canary_connected": echo.connected,
        }
        why = f"The kernel drops what comes in on {lost} of {there} sockets of the {self.link.name} proxy"
        why += f" and {'on' if listening else 'not on'} the one that listens. {told(self.link, open_one, echo.outcome)}"
        drops = listening == 1 and 0 < lost == there
        return Proof(drops and open_one == echo.outcome == "silent" and not echo.connected, why, evidence)

    async def _count_deaf(self) -> tuple[int, int]:
        """Of how many sockets of open connections the kernel drops; one may end while we count."""
        for _ in range(_ROUNDS):
            connections = ends_of(self.toxiproxy, self.link).connections
            lost = deaf(self.toxiproxy, connections)
            if 0 < lost == len(connections):
                break
            await asyncio.sleep(_CONNECT_S)
        return lost, len(connections)

    async def lift(self) -> Evidence:
        if self.witness is not None:
            await self.witness.close()
        ends = ends_of(self.toxiproxy, self.link)
        lose_nothing(self.toxiproxy, listener_of(self.toxiproxy, self.link) | ends.connections)
        return {}


def _build(use: FaultUse, stage: Stage) -> Actor:
    return HalfOpen(stage.toxiproxy, stage.links[use.what])


FAULT = FaultSpec(
    name="half-open",
    on="link",
    does="every packet of the link is lost, nothing is closed or refused",
    build=_build,
    owns="link",
    unable=why_not_borrow,
)
