"""Cut after a while: every connection of a link is closed each `after_ms`, also under traffic; new ones are welcome.

So do load balancers and firewalls that bound the life of a connection. Toxiproxy's `timeout` does not: it counts
silence, and traffic puts it off for ever (2.12, seen). So the proxy's ends are closed in order, by a clock of ours; the
first time `after_ms` after the fault began. A pool that checks nothing hands out dead connections.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from harness.faults import canary
from harness.faults.ends import cut
from harness.faults.fault import Actor, Evidence, FaultSpec, Link, Parameter, Proof, Stage
from harness.faults.repeating import Repeating
from harness.faults.witness import Witness
from harness.model.scenario import FaultUse
from harness.parts.toxiproxy import Toxiproxy
from harness.system.borrowed import why_not_borrow


@dataclass(slots=True)
class CutAfter:
    toxiproxy: Toxiproxy
    link: Link
    after_ms: float
    witness: Witness | None = None
    began: float = 0.0
    connections: int = 0
    cuts: Repeating | None = field(default=None)

    async def apply(self) -> Evidence:
        self.witness, self.began = await Witness.open(self.link), time.monotonic()
        self.cuts = Repeating(self._cut)
        await self.cuts.start(after_s=self.after_ms / 1000)
        return {"after_ms": self.after_ms}

    async def _cut(self) -> float:
        self.connections += cut(self.toxiproxy, self.link, "close")
        return self.after_ms / 1000

    async def prove(self) -> Proof:
        """Waits for the first cut: ends of the proxy are closed, one of ours among them, and a new one is accepted."""
        open_one = await self.witness.end(self.after_ms / 1000 + 1.0) if self.witness else "never open"
        lived_ms = round((time.monotonic() - self.began) * 1000, 1)
        echo = await canary.send(self.link)
        bites = self.connections > 0 and open_one == "closed" and lived_ms >= self.after_ms
        evidence: Evidence = {
            "connections_closed": self.connections,
            "open_connection": open_one,
            "lived_ms": lived_ms,
            "canary": echo.outcome,
        }
        why = (
            f"{self.connections} connections were closed at the {self.link.name} proxy; an open one of ours was"
            f" “{open_one}” after {lived_ms:.0f} ms, and a new one “{echo.outcome}”."
        )
        return Proof(bites and echo.outcome == "answered", why, evidence)

    async def lift(self) -> Evidence:
        if self.cuts is not None:
            await self.cuts.stop()
        if self.witness is not None:
            await self.witness.close()
        return {"cuts": self.cuts.steps if self.cuts else 0, "connections_closed": self.connections}


def _build(use: FaultUse, stage: Stage) -> Actor:
    return CutAfter(stage.toxiproxy, stage.links[use.what], FAULT.value(use, "after_ms"))


FAULT = FaultSpec(
    name="cut-after",
    on="link",
    does="every connection of the link is closed each after_ms, also under traffic; new ones are accepted",
    build=_build,
    owns="link/cuts",
    parameters=(Parameter("after_ms", 1000, 100, 60_000, "between two cuts, and before the first"),),
    unable=why_not_borrow,
)
