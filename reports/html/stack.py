"""All plots of a trial on one time axis: labels of faults above, bands through every plot, phases below the axis."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from reports.html.lanes import Stretch
from reports.html.palette import var
from reports.html.svg import INNER, LEFT, RIGHT, WIDTH, X_UNIT, Plot, num, text

_LETTER = 7.2  # pixels, generous: labels must not meet
_ROW = 15
_FONT = 'font-family="system-ui,Segoe UI,DejaVu Sans,sans-serif" font-size="12"'
_MOST_STEPS = 12
_STEPS_S = (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1800, 3600)


def stack(
    plots: Sequence[Plot], bands: Sequence[Stretch], phases: Sequence[Stretch], length_s: float, title: str, told: str
) -> str:
    """One <svg>. `told` is what a reader hears who cannot see it."""
    labels, rows = _labels("▼", bands, length_s)
    y = 4.0 + _ROW * rows
    out = [_flag(label, length_s, _ROW * row + 12, "label", 600) for label, row in labels]
    top = y
    for plot in plots:
        out.append(_legend(plot, y))
        y += 19
        out.append(_frame(plot, y, bands, phases, length_s))
        y += plot.height + 9
    bottom = y - 4
    out.append(_axis(bottom, length_s))
    named, rows = _labels("┊", phases, length_s)
    out += [_flag(label, length_s, bottom + 34 + _ROW * row, "mut", 400) for label, row in named]
    below = bottom + 36 + _ROW * max(1, rows)
    out.append(
        f'<text x="{WIDTH - RIGHT}" y="{num(below)}" text-anchor="end" fill="{var("mut")}">seconds of the trial</text>'
    )
    height = num(below + 8)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="stack" role="img" aria-label="{text(title)}: {text(told)}"'
        f' viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" {_FONT} data-left="{LEFT}"'
        f' data-inner="{INNER}" data-length="{length_s:g}" data-top="{num(top)}" data-bottom="{num(bottom)}"'
        f' data-unit="{X_UNIT:g}">{"".join(out)}<g class="cursor"></g></svg>'
    )


def _labels(sign: str, items: Sequence[Stretch], length_s: float) -> tuple[list[tuple[Stretch, int]], int]:
    """Each label in the first row in which it meets no other, and the number of rows."""
    free_from: list[float] = []
    placed = []
    for item in items:
        x = _x(item.start_s, length_s)
        label = replace(item, label=f"{sign} {item.label}")
        row = next((i for i, free in enumerate(free_from) if free <= x), len(free_from))
        free_from[row : row + 1] = [x + len(label.label) * _LETTER + 8]
        placed.append((label, row))
    return placed, len(free_from)


def _x(at_s: float, length_s: float) -> float:
    return LEFT + at_s / length_s * INNER


def _flag(label: Stretch, length_s: float, y: float, color: str, weight: int) -> str:
    """A label at a moment. The script moves it when the axis is stretched. Late ones are written to the left."""
    x = _x(label.start_s, length_s)
    anchor = ' text-anchor="end"' if x + len(label.label) * _LETTER > WIDTH else ""
    return (
        f'<g class="flag" data-at="{label.start_s:.3f}" data-end="{label.end_s:.3f}"><text x="{num(x)}" y="{num(y)}"'
        f' fill="{var(color)}" font-weight="{weight}"{anchor}>{text(label.label)}</text></g>'
    )


def _legend(plot: Plot, y: float) -> str:
    keys = "".join(
        f'<tspan dx="12" font-weight="700" fill="{var(key.color)}">{key.sign}</tspan>'
        f'<tspan dx="4" fill="{var("mut")}">{text(key.label)}</tspan>'
        for key in plot.keys
    )
    title = f'<tspan font-weight="600">{text(plot.title)}</tspan>'
    return f'<text x="{LEFT}" y="{num(y + 13)}" fill="{var("fg")}">{title}{keys}</text>'


def _frame(plot: Plot, y: float, bands: Sequence[Stretch], phases: Sequence[Stretch], length_s: float) -> str:
    out = []
    for value, label in plot.ticks:
        at = y + plot.scale.y(value)
        out.append(
            f'<path d="M{LEFT} {num(at)}H{WIDTH - RIGHT}" stroke="{var("grid")}"/>'
            f'<text x="{LEFT - 7}" y="{num(at + 4)}" text-anchor="end" fill="{var("mut")}">{text(label)}</text>'
        )
    for i, name in enumerate(plot.rows):
        at = y + (i + 0.5) * plot.height / len(plot.rows) + 4
        out.append(f'<text x="{LEFT - 7}" y="{num(at)}" text-anchor="end" fill="{var("fg")}">{text(name)}</text>')
    behind = "".join(_band(band, plot.height) for band in bands) + _borders(phases, plot.height)
    out.append(
        f'<svg class="plot" data-plot="{plot.id}" x="{LEFT}" y="{num(y)}" width="{INNER}" height="{num(plot.height)}"'
        f' viewBox="0 0 {num(length_s * X_UNIT)} {num(plot.height)}" preserveAspectRatio="none" overflow="hidden">'
        f"{behind}{''.join(plot.body)}</svg>"
    )
    if plot.labels:
        out.append(f'<g transform="translate(0 {num(y)})">{"".join(plot.labels)}</g>')
    return "".join(out)


def _band(band: Stretch, height: float) -> str:
    start, end = band.start_s * X_UNIT, band.end_s * X_UNIT
    return (
        f'<rect x="{num(start)}" width="{num(end - start)}" height="{num(height)}" fill="{var("band")}"'
        f' fill-opacity=".16"/><path fill="none" vector-effect="non-scaling-stroke" stroke="{var("band")}"'
        f' stroke-dasharray="3 3" d="M{num(start)} 0v{num(height)}M{num(end)} 0v{num(height)}"/>'
    )


def _borders(phases: Sequence[Stretch], height: float) -> str:
    path = "".join(f"M{num(phase.start_s * X_UNIT)} 0v{num(height)}" for phase in phases)
    if not path:
        return ""
    return (
        f'<path fill="none" vector-effect="non-scaling-stroke" stroke="{var("mut")}" stroke-opacity=".45"'
        f' stroke-dasharray="1 4" d="{path}"/>'
    )


def _axis(y: float, length_s: float) -> str:
    # A damaged record can be of any length; the page is not to grow with it.
    step = next((step for step in _STEPS_S if length_s / step <= _MOST_STEPS), length_s / _MOST_STEPS)
    marks = []
    for i in range(int(length_s / step + 1e-9) + 1):
        x = num(_x(i * step, length_s))
        marks.append(
            f'<path d="M{x} {num(y)}v5" stroke="{var("mut")}"/>'
            f'<text x="{x}" y="{num(y + 18)}" text-anchor="middle" fill="{var("mut")}">{i * step:g}</text>'
        )
    return f'<g class="axis">{"".join(marks)}</g>'
