"""What `bandwidth` and `slice` share: a toxic on both directions of a link, and a loaded canary that feels it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from harness.faults import canary
from harness.faults.fault import Evidence, Link, Proof
from harness.parts.toxic import Stream, Toxic
from harness.parts.toxiproxy import Toxiproxy

MOST_BYTES = 7000
"""Of load that a canary can carry, with some room."""
_DIRECTIONS: tuple[Stream, ...] = ("upstream", "downstream")


@dataclass(slots=True)
class Shaped:
    """`costs_ms` is what the toxic adds to a canary with `load_bytes`, by its own figures."""

    toxiproxy: Toxiproxy
    link: Link
    type: str
    attributes: Mapping[str, int]
    load_bytes: int
    costs_ms: float
    parameters: Evidence
    _before_ms: float = 0.0

    async def apply(self) -> Evidence:
        self._before_ms = await canary.quickest_ms(self.link, load_bytes=self.load_bytes)
        for stream in _DIRECTIONS:
            await self.toxiproxy.add(self.link.proxy, Toxic(self._name(stream), self.type, stream, self.attributes))
        return {**self.parameters, "canaries": canary.BEFORE}

    def _name(self, stream: Stream) -> str:
        return f"shakedown_{self.type}_{stream}"

    async def prove(self) -> Proof:
        """Nine tenths of the cost must be seen: timers of the proxy and of ours round a little.

        Of what a canary took before, a part goes on while this one is under way, and is not added: PostgreSQL forks
        when the proxy connects, before the first byte is there.
        """
        toxics = [toxic for toxic in (await self.toxiproxy.state(self.link.proxy)).toxics if toxic.type == self.type]
        echo = await canary.send(self.link, load_bytes=self.load_bytes, timeout_s=2.0 + 2 * self.costs_ms / 1000)
        added = round(echo.took_ms - self._before_ms, 1)
        late = echo.took_ms >= 0.9 * self.costs_ms and added >= 0.5 * self.costs_ms
        bites = len(toxics) == len(_DIRECTIONS) and echo.outcome == "answered" and late
        evidence: Evidence = {
            "toxics_read_back": len(toxics),
            "canaries": 1,
            "canary": echo.outcome,
            "canary_bytes": self.load_bytes,
            "canary_added_ms": added,
        }
        who = f"A canary of {self.load_bytes} bytes through the {self.link.name} proxy"
        return Proof(bites, f"{who} took {added:g} ms longer than before.", evidence)

    async def lift(self) -> Evidence:
        await self.toxiproxy.lift(self.link.proxy, *map(self._name, _DIRECTIONS))
        return {}
