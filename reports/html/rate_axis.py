"""A logarithmic axis of rates below the rows of a figure, with its grid lines."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from reports.html.palette import var
from reports.html.svg import num

AXIS_HEIGHT = 26


@dataclass(frozen=True, slots=True)
class RateAxis:
    """From `low` to `high` requests/s, which lie at the pixels `left` and `right`; `height` is that of the rows."""

    low: float
    high: float
    left: int
    right: int
    height: int

    def x(self, rate_rps: float) -> float:
        return self.left + (self.right - self.left) * math.log(rate_rps / self.low) / math.log(self.high / self.low)

    def grid(self) -> Iterator[str]:
        """A line and its label at 1, 2 and 5 of each power of ten."""
        for power in range(math.floor(math.log10(self.low)), math.ceil(math.log10(self.high)) + 1):
            yield from (self._tick(digit * 10.0**power) for digit in (1, 2, 5))

    def _tick(self, rate_rps: float) -> str:
        if not self.low <= rate_rps <= self.high:
            return ""
        x, y = num(self.x(rate_rps)), self.height + AXIS_HEIGHT - 8
        return (
            f'<line x1="{x}" x2="{x}" y1="0" y2="{self.height}" stroke="{var("grid")}"/>'
            f'<text x="{x}" y="{y}" text-anchor="middle" fill="{var("mut")}">{rate_rps:g}/s</text>'
        )
