"""Flap a link: down and up by turns, beginning with down, as a switch port or a failing-over part does.

Down is what `refuse` is: open connections are closed, new ones refused. Each turn lasts its period times a factor from
0.75 to 1.25 that the trial's seed decides, so that no client's own clock can keep in step with it. Each time that the
link is up again invites everybody at once (F39, F60).
"""

from __future__ import annotations

import asyncio
import random
import time
from dataclasses import dataclass, field

from harness.faults import canary
from harness.faults.fault import Actor, Evidence, FaultSpec, Link, Parameter, Proof, Stage
from harness.faults.repeating import Repeating
from harness.model.scenario import FaultUse
from harness.parts.toxiproxy import Toxiproxy

SPREAD = 0.25
_BY = "flap"


def periods_s(seed: int, down_ms: float, up_ms: float, turns: int) -> list[float]:
    """How long each turn lasts, down first."""
    chance = random.Random(seed)
    lengths = (down_ms / 1000, up_ms / 1000)
    return [lengths[turn % 2] * chance.uniform(1 - SPREAD, 1 + SPREAD) for turn in range(turns)]


@dataclass(slots=True)
class Flap:
    toxiproxy: Toxiproxy
    link: Link
    down_ms: float
    up_ms: float
    seed: int
    down: bool = False
    turns: Repeating | None = field(default=None)

    async def apply(self) -> Evidence:
        self.turns = Repeating(self._turn)
        await self.turns.start()
        return {"down_ms": self.down_ms, "up_ms": self.up_ms}

    async def _turn(self) -> float:
        """The other state, and how long it holds."""
        turn = self.turns.steps if self.turns else 0
        self.down = not self.down
        await (self.toxiproxy.disable if self.down else self.toxiproxy.enable)(self.link.proxy, by=_BY)
        return periods_s(self.seed, self.down_ms, self.up_ms, turn + 1)[turn]

    async def prove(self) -> Proof:
        """Waits until the proxy was off and on, and a canary refused and another answered: two turns at most."""
        seen, states = set[str](), set[bool]()
        end = time.monotonic() + 2 * (1 + SPREAD) * (self.down_ms + self.up_ms) / 1000
        while not ({"refused", "answered"} <= seen and len(states) == 2) and time.monotonic() < end:
            states.add((await self.toxiproxy.state(self.link.proxy)).enabled)
            seen.add((await canary.send(self.link)).outcome)
            await asyncio.sleep(0.05)
        told = " and ".join(f"“{outcome}”" for outcome in sorted(seen))
        words = " ".join("on" if on else "off" for on in sorted(states))
        why = f"The {self.link.name} proxy was {words.replace(' ', ' and ')}; canaries to it were {told}."
        evidence: Evidence = {"proxy": words, "canaries": " ".join(sorted(seen))}
        return Proof({"refused", "answered"} <= seen and len(states) == 2, why, evidence)

    async def lift(self) -> Evidence:
        try:
            if self.turns is not None:
                await self.turns.stop()
        finally:
            await self.toxiproxy.lift(self.link.proxy, by=_BY)
        return {"times_down": ((self.turns.steps if self.turns else 0) + 1) // 2}


def _build(use: FaultUse, stage: Stage) -> Actor:
    down_ms, up_ms = FAULT.value(use, "down_ms"), FAULT.value(use, "up_ms")
    return Flap(stage.toxiproxy, stage.links[use.what], down_ms, up_ms, stage.seed)


FAULT = FaultSpec(
    name="flap",
    on="link",
    does="the link is down for about down_ms and up for about up_ms, by turns that the seed varies",
    build=_build,
    owns="link/switch",
    parameters=(
        Parameter("down_ms", 1000, 200, 60_000, "the mean of a turn in which it refuses"),
        Parameter("up_ms", 1000, 200, 60_000, "the mean of a turn in which it is whole"),
    ),
)
