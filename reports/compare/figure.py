"""Changes with their intervals, one row a metric, around the line of no change."""

from __future__ import annotations

from collections.abc import Sequence

from harness.tuning.comparison import Comparison, Difference
from reports.html.palette import var
from reports.html.svg import num, text, titled

_WIDTH, _LEFT, _RIGHT, _ROW, _AXIS = 760, 130, 170, 30, 24


def intervals(found: Comparison) -> str:
    """Percent of BASE. Empty where no change has an interval."""
    shown = [each for each in (found.primary, *found.others) if each.effect is not None]
    if not shown:
        return ""
    reach = max(5.0, *(abs(end) for each in shown for end in _percents(each)))
    height = _ROW * len(shown) + _AXIS
    parts = [f'<svg viewBox="0 0 {_WIDTH} {height}" role="img" style="max-width:{_WIDTH}px;width:100%">']
    for value in (-reach, 0.0, reach):
        x = num(_x(value, reach))
        parts.append(
            f'<line x1="{x}" x2="{x}" y1="0" y2="{height - _AXIS}" stroke="{var("mut" if not value else "grid")}"/>'
        )
        parts.append(f'<text x="{x}" y="{height - 6}" text-anchor="middle" fill="{var("mut")}">{value:+.0f} %</text>')
    for number, each in enumerate(shown):
        parts += _row(each, _ROW * number + _ROW / 2, reach)
    return "".join([*parts, "</svg>"])


def _row(each: Difference, y: float, reach: float) -> Sequence[str]:
    change, low, high = _percents(each)
    tip = titled(f"{each.metric.name}: {change:+.1f} %, 95 % interval {low:+.1f} to {high:+.1f} %")
    color = var({"better": "pass", "worse": "fail"}.get(str(each.finding), "mut"))
    return [
        f'<text x="{_LEFT - 10}" y="{num(y + 4)}" text-anchor="end" fill="{var("fg")}">{text(each.metric.name)}</text>',
        f'<line x1="{num(_x(low, reach))}" x2="{num(_x(high, reach))}" y1="{num(y)}" y2="{num(y)}"'
        f' stroke="{color}" stroke-width="3">{tip}</line>',
        f'<circle cx="{num(_x(change, reach))}" cy="{num(y)}" r="5" fill="{color}">{tip}</circle>',
        f'<text x="{_WIDTH - _RIGHT + 10}" y="{num(y + 4)}" fill="{var("fg")}">{text(str(each.finding))}</text>',
    ]


def _percents(each: Difference) -> tuple[float, float, float]:
    assert each.effect is not None
    return 100 * (each.effect.ratio - 1), 100 * (each.effect.low - 1), 100 * (each.effect.high - 1)


def _x(percent: float, reach: float) -> float:
    inner = _WIDTH - _LEFT - _RIGHT
    return _LEFT + inner * (percent + reach) / (2 * reach)
