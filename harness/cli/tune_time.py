"""How a tuning spends its minutes: search, scenarios, pairs, in this order, each leaving enough for what follows."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from statistics import fmean

from harness.timeline import BOOT_S, DRAIN_S
from harness.tuning.asked import CLIMB, PAIR
from harness.tuning.comparison import LEAST_PAIRS

_CLIMB_S, _PAIR_S, _AROUND_S = 32.0, 42.0, BOOT_S + DRAIN_S
"""What a trial takes, and what of it boot, drain and the like, until some were seen."""
_PAIR_SHARE = 1.4
"""Of a climb, which ends where it breaks; pairs begin with slow steps that both hold. 1.39 on the reference API."""
_ROUNDS = 2  # of the scenarios: once more with timeouts
_RECENT = 5
_MOST_BLOCKS = 10


class Budget:
    """`scenarios_s` is what each takes by its plan; `thorough`: the search leaves time for pairs.

    What a trial takes around its load is measured, for an app may need long to boot or to drain. `blocks` of pairs are
    planned as they go, from what those before them took.
    """

    def __init__(
        self,
        total_s: float,
        scenarios_s: Sequence[float],
        *,
        thorough: bool,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._clock, self._end_s = clock, clock() + total_s
        self._total_s, self._scenarios_s, self._thorough = total_s, scenarios_s, thorough
        self._climbs_s: list[float] = []
        self._pairs_s: list[float] = []
        self._around_s: list[float] = []
        self._searching = True
        self.blocks = 0

    @property
    def left_s(self) -> float:
        return self._end_s - self._clock()

    @property
    def left_told(self) -> str:
        return f"about {max(self.left_s, 0) / 60:.0f} min left"

    @property
    def told(self) -> str:
        climbs = max(1, int((self._total_s - self._reserve_s) / _CLIMB_S))
        return f"about {self._total_s / 60:g} min: up to {climbs} trials to search, then the scenarios, then pairs"

    def spent(self, name: str, seconds: float, loaded_s: float) -> None:
        """`loaded_s`: what of it the load took, 0 where there was none."""
        if loaded_s > 0:
            self._around_s.append(max(seconds - loaded_s, 0.0))
        if name in (CLIMB, PAIR):
            (self._climbs_s if name == CLIMB else self._pairs_s).append(seconds)

    def may_search(self) -> bool:
        """One trial is always run. Once it is over it is over: pairs are of what it found."""
        if self._climbs_s and self.left_s <= self._reserve_s + self._climb_s:
            self._searching = False
        return self._searching

    def one_more(self) -> bool:
        """Whether there is time for one more block of pairs, in the beginning for as many as say something."""
        blocks = max(LEAST_PAIRS, self.blocks + 1)
        trials = 2 * (blocks - self.blocks)
        least = trials if self.blocks else trials - 1  # better a trial too long than without an interval
        if blocks > _MOST_BLOCKS or self.left_s < least * self._pair_s:
            return False
        self.blocks = blocks
        return True

    @property
    def _reserve_s(self) -> float:
        around_s = fmean(self._around_s) if self._around_s else _AROUND_S
        verify_s = _ROUNDS * sum(max(each - _AROUND_S, 0.0) + around_s for each in self._scenarios_s)
        return verify_s + (2 * LEAST_PAIRS * max(_PAIR_S, self._pair_s) if self._thorough else 0.0)

    @property
    def _climb_s(self) -> float:
        return fmean(self._climbs_s[-_RECENT:]) if self._climbs_s else _CLIMB_S

    @property
    def _pair_s(self) -> float:
        if self._pairs_s:
            return fmean(self._pairs_s)
        return self._climb_s * _PAIR_SHARE if self._climbs_s else _PAIR_S
