"""Reset a link: open connections end by RST at once, new ones at their first byte, as behind a peer that crashed.

Toxiproxy's own toxic resets only connections that are opened under it, and gives an orderly close to those that were
there (2.12, seen). So the kernel is asked to reset those, idle or busy; the toxic takes care of the new ones.
"""

from __future__ import annotations

from dataclasses import dataclass

from harness.faults import canary
from harness.faults.ends import cut
from harness.faults.fault import Actor, Evidence, FaultSpec, Link, Proof, Stage
from harness.faults.witness import Witness, told
from harness.model.scenario import FaultUse
from harness.parts.toxic import Toxic
from harness.parts.toxiproxy import Toxiproxy
from harness.system.borrowed import why_not_borrow

_NAME = "shakedown_reset"


@dataclass(slots=True)
class Reset:
    toxiproxy: Toxiproxy
    link: Link
    witness: Witness | None = None

    async def apply(self) -> Evidence:
        self.witness = await Witness.open(self.link)
        connections = cut(self.toxiproxy, self.link, "reset")
        await self.toxiproxy.add(self.link.proxy, Toxic(_NAME, "reset_peer", "upstream", {"timeout": 0}))
        connections += cut(self.toxiproxy, self.link, "reset")  # what came before the toxic was on
        return {"connections_reset": connections}

    async def prove(self) -> Proof:
        toxics = (await self.toxiproxy.state(self.link.proxy)).toxics
        present = any(toxic.name == _NAME for toxic in toxics)
        open_one = await self.witness.end(1.0) if self.witness else "never open"
        echo = await canary.send(self.link)
        evidence: Evidence = {"toxic_read_back": present, "open_connection": open_one, "canary": echo.outcome}
        return Proof(present and open_one == echo.outcome == "reset", told(self.link, open_one, echo.outcome), evidence)

    async def lift(self) -> Evidence:
        if self.witness is not None:
            await self.witness.close()
        await self.toxiproxy.lift(self.link.proxy, _NAME)
        return {}


def _build(use: FaultUse, stage: Stage) -> Actor:
    return Reset(stage.toxiproxy, stage.links[use.what])


FAULT = FaultSpec(
    name="reset",
    on="link",
    does="open connections end by RST, new ones by RST at their first byte",
    build=_build,
    owns="link/reset",
    unable=why_not_borrow,
)
