"""Drawing primitives: a plot whose time axis can be stretched, and all plots stacked on one axis.

    x  hundredths of a second, stretched by the viewBox of a nested <svg>: the script zooms by setting that alone
    y  pixels, top down

Lines keep their width when stretched (vector-effect), and text stands outside the stretched part. Nothing measures
text, for Python cannot.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
from markupsafe import escape
from numpy.typing import NDArray

from reports.html.palette import var
from reports.plain import printable

X_UNIT = 100.0  # units of x in a second
WIDTH, LEFT, RIGHT = 1060, 96, 14
INNER = WIDTH - LEFT - RIGHT
_KEEP = 'fill="none" vector-effect="non-scaling-stroke"'


# What a dash pattern looks like in a legend; the box-drawing dashes look alike in small type.
SIGNS = {"": "━", "6 3": "╸╸", "5 4": "╸╸", "2 2": "···", "8 2 2 2": "━·", "1 3": "··"}


def num(value: float) -> str:
    """Short, and never 1e-05, which is longer than 0."""
    return f"{value:.1f}".rstrip("0").rstrip(".") if value else "0"


def text(value: str) -> str:
    return str(escape(printable(value)))


def titled(title: str) -> str:
    return f"<title>{text(title)}</title>" if title else ""


@dataclass(frozen=True, slots=True)
class Scale:
    """Values to pixels. Log scales hold what lies below them at their lower end."""

    low: float
    high: float
    height: float
    log: bool = False

    def y(self, value: float) -> float:
        held = min(max(value, self.low), self.high)
        low, high = (math.log10(self.low), math.log10(self.high)) if self.log else (self.low, self.high)
        share = ((math.log10(held) if self.log else held) - low) / (high - low)
        return self.height * (1 - share)

    def ys(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """As `y`, for very many."""
        held = np.clip(values, self.low, self.high)
        low, high = (math.log10(self.low), math.log10(self.high)) if self.log else (self.low, self.high)
        heights: NDArray[np.float64] = self.height * (1 - ((np.log10(held) if self.log else held) - low) / (high - low))
        return heights


@dataclass(frozen=True, slots=True)
class Key:
    """An entry of a legend: the sign is ●, ■ or a piece of the line, and looks like what it stands for."""

    sign: str
    label: str
    color: str


@dataclass(slots=True)
class Plot:
    """One panel. `ticks` are values with a grid line, `rows` the names of lanes beside it."""

    id: str
    title: str
    scale: Scale
    ticks: Sequence[tuple[float, str]] = ()
    rows: Sequence[str] = ()
    keys: list[Key] = field(default_factory=list)
    body: list[str] = field(default_factory=list)
    labels: list[str] = field(default_factory=list)

    @property
    def height(self) -> float:
        return self.scale.height

    def line(
        self,
        points: Iterable[tuple[float, float | None]],
        color: str,
        *,
        dash: str = "",
        width: float = 1.5,
        step: bool = False,
        title: str = "",
    ) -> None:
        """A line through the points; None breaks it. A point alone between two breaks becomes a dot."""
        path, drawing = [], False
        for at_s, value in points:
            if value is None:
                drawing = False
                continue
            x, y = num(at_s * X_UNIT), num(self.scale.y(value))
            path.append(f"M{x} {y}h0" if not drawing else f"H{x}V{y}" if step else f"L{x} {y}")
            drawing = True
        if path:
            dashes = f' stroke-dasharray="{dash}"' if dash else ""
            self.body.append(
                f'<path {_KEEP} stroke-linejoin="round" stroke-linecap="round" stroke="{var(color)}"'
                f' stroke-width="{num(width)}"{dashes} d="{"".join(path)}">{titled(title)}</path>'
            )

    def level(self, value: float, color: str, label: str) -> None:
        """A limit: a line across, named at its right end."""
        y = num(self.scale.y(value))
        self.body.append(
            f'<path {_KEEP} stroke="{var(color)}" stroke-width="1" stroke-dasharray="10 4" d="M0 {y}H99999999"/>'
        )
        self.labels.append(
            f'<text x="{WIDTH - RIGHT - 4}" y="{num(self.scale.y(value) - 4)}" text-anchor="end" font-size="11"'
            f' fill="{var(color)}">{text(label)}</text>'
        )

    def dots(self, cells: Iterable[tuple[float, float]], color: str, size: float, opacity: float, title: str) -> None:
        """Round dots at (x, y) in units of the plot, as one path of segments without length: four nodes, not 18,000."""
        path = "".join(f"M{num(x)} {num(y)}h0" for x, y in cells)
        if path:
            self.body.append(
                f'<path {_KEEP} stroke-linecap="round" stroke="{var(color)}" stroke-width="{num(size)}"'
                f' stroke-opacity="{opacity:g}" d="{path}">{titled(title)}</path>'
            )

    def marks(self, at_s: Iterable[float], top: float, length: float, color: str, width: float, title: str) -> None:
        """Upright ticks, one for each moment."""
        path = "".join(f"M{num(at * X_UNIT)} {num(top)}v{num(length)}" for at in at_s)
        if path:
            self.body.append(
                f'<path {_KEEP} stroke="{var(color)}" stroke-width="{num(width)}" d="{path}">{titled(title)}</path>'
            )

    def columns(self, start_s: Sequence[float], low: Sequence[float], high: Sequence[float], color: str) -> None:
        """A stepped area between two rows of heights, a second wide each. What is empty is not drawn."""
        path = "".join(
            f"M{num(at * X_UNIT)} {num(self.scale.y(under))}V{num(self.scale.y(over))}h{num(X_UNIT)}"
            f"V{num(self.scale.y(under))}Z"
            for at, under, over in zip(start_s, low, high, strict=True)
            if over > under
        )
        if path:
            self.body.append(f'<path fill="{var(color)}" d="{path}"/>')

    def bar(self, row: int, start_s: float, end_s: float, color: str, share: float, dash: str, title: str) -> None:
        """A stretch in a lane: `share` of the lane's height, with a dotted or dashed line through it, or none."""
        lane = self.height / max(1, len(self.rows))
        middle, height = lane * (row + 0.5), (lane - 4) * share
        x, width = start_s * X_UNIT, max((end_s - start_s) * X_UNIT, 1.0)
        self.body.append(
            f'<rect x="{num(x)}" y="{num(middle - height / 2)}" width="{num(width)}" height="{num(height)}"'
            f' fill="{var(color)}">{titled(title)}</rect>'
        )
        if dash:
            self.body.append(
                f'<path {_KEEP} pointer-events="none" stroke="{var("bg")}" stroke-width="2" stroke-dasharray="{dash}"'
                f' d="M{num(x)} {num(middle)}h{num(width)}"/>'
            )


def ticks_linear(top: float) -> tuple[float, tuple[tuple[float, str], ...]]:
    """An upper end a little above the round number that holds `top`, and grid lines at that number, its half, zero."""
    power = 10 ** math.floor(math.log10(max(top, 1)))
    end = float(next(each for each in (power, 2 * power, 4 * power, 6 * power, 10 * power) if each >= max(top, 1)))
    half = end / 2
    return end * 1.04, ((0, "0"), (half, f"{half:,g}"), (end, f"{end:,.0f}"))


def ticks_log(low: float, high: float) -> tuple[tuple[float, str], ...]:
    powers = range(math.ceil(math.log10(low)), math.floor(math.log10(high)) + 1)
    return tuple((10.0**power, f"{10.0**power:,g}") for power in powers)
