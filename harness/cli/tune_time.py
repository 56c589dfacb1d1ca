"""How a tuning spends its minutes: search, scenarios, pairs, in this order, each leaving enough for what follows."""

from __future__ import annotations

import time
from collections.abc import Sequence

from harness.model.scenario import Scenario
from harness.timeline import length_s
from harness.tuning.comparison import LEAST_PAIRS

_CLIMB_S, _PAIR_S = 32.0, 42.0
"""What a trial takes, until some were seen."""
_PAIR_SHARE = 1.4
"""Of a climb, which ends where it breaks; pairs begin with slow steps that both hold. 1.39 on the reference API."""
_MOST_BLOCKS = 10


class Budget:
    """`thorough`: pairs are run at the end also when they take longer than asked; `blocks` is None until planned."""

    def __init__(self, total_s: float, scenarios: Sequence[Scenario], *, thorough: bool) -> None:
        self._began_s, self._total_s, self._thorough = time.monotonic(), total_s, thorough
        self._verify_s = 2 * sum(length_s(scenario) for scenario in scenarios)  # once more with timeouts
        self._climbs_s: list[float] = []
        self.blocks: int | None = None

    @property
    def left_s(self) -> float:
        return self._total_s - (time.monotonic() - self._began_s)

    @property
    def left_told(self) -> str:
        return f"about {max(self.left_s, 0) / 60:.0f} min left"

    @property
    def told(self) -> str:
        climbs = max(1, int((self._total_s - self._reserve_s) / _CLIMB_S))
        return f"about {self._total_s / 60:g} min: up to {climbs} trials to search, then the scenarios, then pairs"

    @property
    def _reserve_s(self) -> float:
        return self._verify_s + (2 * LEAST_PAIRS * _PAIR_S if self._thorough else 0.0)

    @property
    def _climb_s(self) -> float:
        recent = self._climbs_s[-5:]
        return sum(recent) / len(recent) if recent else _CLIMB_S

    def spent(self, name: str, seconds: float) -> None:
        if name.startswith("climb"):
            self._climbs_s.append(seconds)

    def may_search(self) -> bool:
        """One trial is always run."""
        return not self._climbs_s or self.left_s > self._reserve_s + self._climb_s

    def plan_blocks(self) -> int:
        """As many as there is time for."""
        pair_s = 2 * max(self._climb_s * _PAIR_SHARE, _PAIR_S if not self._climbs_s else 0.0)
        fitting = min(_MOST_BLOCKS, int(self.left_s / pair_s)) if self.left_s > 0 else 0
        if fitting < LEAST_PAIRS:
            fitting = LEAST_PAIRS if self._thorough else 0
        self.blocks = fitting
        return fitting
