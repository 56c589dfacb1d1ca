"""One chart for each line: a sign for each run, by its verdict, with the range of its trials; changes as levels."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from harness.model.verdict import Outcome
from harness.tuning.history import Point
from harness.tuning.metrics import Metric
from reports.history.text import told_value
from reports.history.view import LineView, when
from reports.html.palette import var
from reports.html.svg import num, text, titled
from reports.words import SYMBOL, WORD

_WIDTH, _LEFT, _RIGHT, _HEIGHT, _TOP, _RUG, _AXIS = 1060, 96, 110, 200, 12, 26, 24
_COLOR: dict[Outcome, str] = {"pass": "pass", "fail": "fail", "inconclusive": "inconclusive", "error": "error"}


def chart(view: LineView, metric: Metric) -> str:
    """Runs stand in their order, a step apart, as nights do. What has no value stands below the axis of zero."""
    points = view.line.points
    top = 1.08 * max((point.high for point in points if point.high is not None), default=0.0) or 1.0
    height = _TOP + _HEIGHT + _RUG + _AXIS
    label = text(f"{metric.name} of {view.title}, {len(points)} runs")
    parts = [
        f'<svg viewBox="0 0 {_WIDTH} {height}" role="img" aria-label="{label}" style="min-width:780px;width:100%">',
        *_grid(top, metric),
        *_levels(view, top, metric),
        *_path(points, top),
        *(_mark(point, _x(number, len(points)), top, metric) for number, point in enumerate(points)),
        *_dates(points, height),
        "</svg>",
    ]
    return "".join(parts)


def _grid(top: float, metric: Metric) -> Iterator[str]:
    for share in (0.0, 0.25, 0.5, 0.75, 1.0):
        value = top * share / 1.08
        y = num(_y(value, top))
        yield f'<line x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{y}" y2="{y}" stroke="{var("grid")}"/>'
        told = f"{value:.{metric.digits}f}" if value else "0"
        below = num(_y(value, top) + 4)
        yield f'<text x="{_LEFT - 10}" y="{below}" text-anchor="end" fill="{var("mut")}">{told}</text>'
    yield f'<text x="10" y="{num(_TOP + _HEIGHT / 2)}" fill="{var("mut")}">{text(metric.unit)}</text>'


def _levels(view: LineView, top: float, metric: Metric) -> Iterator[str]:
    """The median of each stretch between two changes; nothing where there is no change."""
    if not view.changed:
        return
    points, changes = view.line.points, view.drift.changes
    edges = [0, *(points.index(point) for point in view.changed), len(points)]
    values = [changes[0].before, *(change.after for change in changes)]
    for begin, end, value in zip(edges, edges[1:], values, strict=False):
        left, right = _x(begin, len(points)) - 6, _x(end - 1, len(points)) + 6
        y = num(_y(value, top))
        yield (
            f'<line x1="{num(left)}" x2="{num(right)}" y1="{y}" y2="{y}" stroke="{var("band")}" stroke-width="3">'
            f"{titled(f'median {value:.{metric.digits}f} {metric.unit}')}</line>"
        )
    yield (
        f'<text x="{_WIDTH - _RIGHT + 10}" y="{num(_y(values[-1], top) + 4)}" fill="{var("label")}">'
        f"{values[-1]:.{metric.digits}f} {text(metric.unit)}</text>"
    )


def _path(points: Sequence[Point], top: float) -> Iterator[str]:
    at = [(_x(n, len(points)), point.value) for n, point in enumerate(points) if point.value is not None]
    path = "".join(f"{'L' if n else 'M'}{num(x)} {num(_y(value, top))}" for n, (x, value) in enumerate(at))
    if path:
        yield f'<path d="{path}" fill="none" stroke="{var("grid")}" stroke-width="2"/>'


def _mark(point: Point, x: float, top: float, metric: Metric) -> str:
    color = var(_COLOR[point.verdict])
    tip = titled(f"{when(point.began)} {WORD[point.verdict]}, {told_value(point, metric)}, {point.run}")
    range_, y = "", _TOP + _HEIGHT + _RUG - 6.0
    if point.value is not None and point.low is not None and point.high is not None:
        y = _y(point.value, top) + 5
        range_ = (
            f'<line x1="{num(x)}" x2="{num(x)}" y1="{num(_y(point.low, top))}" y2="{num(_y(point.high, top))}"'
            f' stroke="{var("mut")}" stroke-width="1.5"/>'
        )
    return (
        f'{range_}<text x="{num(x)}" y="{num(y)}" text-anchor="middle" font-size="14" font-weight="700"'
        f' fill="{color}">{SYMBOL[point.verdict]}{tip}</text>'
    )


def _dates(points: Sequence[Point], height: float) -> Iterator[str]:
    """First, middle and last: more would lie on each other."""
    last = len(points) - 1
    for number in sorted({0, last // 2, last} if last > 3 else {0, last}):
        anchor = "start" if number == 0 and last else "end" if number == last and last else "middle"
        yield (
            f'<text x="{num(_x(number, len(points)))}" y="{height - 6}" text-anchor="{anchor}" fill="{var("mut")}">'
            f"{text(when(points[number].began)[:10])}</text>"
        )


def _x(number: int, count: int) -> float:
    inner = _WIDTH - _LEFT - _RIGHT
    return _LEFT + inner * ((number + 0.5) / count if count < 3 else 0.02 + 0.96 * number / (count - 1))


def _y(value: float, top: float) -> float:
    return _TOP + _HEIGHT * (1 - value / top)
