"""The page of a sweep, and of a comparison, which is a sweep of two with an answer.

For each scenario and metric a row of dots for each configuration, one dot a trial.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from markupsafe import Markup

from harness.tuning.metrics import METRICS
from reports.compare.figure import intervals
from reports.compare.view import CompareView
from reports.document import run_verdict
from reports.html.frame import fill_run
from reports.html.palette import var
from reports.html.svg import num, text, titled
from reports.sweep.view import Group, Measured, SweepView
from reports.words import counted, tally

_WIDTH, _LEFT, _RIGHT, _ROW, _AXIS = 760, 250, 90, 26, 24


def sweep_page(sweep: SweepView, compared: CompareView | None = None) -> str:
    outcomes = [trial.verdict.verdict for trial in sweep.run.trials]
    outcome = compared.outcome if compared else run_verdict(sweep.run.verdicts)
    return fill_run(
        "sweep.html.j2",
        outcome,
        sweep.run.run_dir,
        sweep.run.facts,
        "plan",
        told=tally(outcomes) or "nothing was run",
        count=counted(len(outcomes), "trial"),
        planned=sweep.planned,
        title=f"{compared.new} against {compared.base}" if compared else "Sweep",
        comparisons=[
            (name, found.answer, found.why, Markup(intervals(found)))
            for name, found in (compared.found.items() if compared else ())
        ],
        sections=[_section(name, sweep.of(name)) for name in sweep.scenarios],
    )


def _section(name: str, groups: Sequence[Group]) -> Mapping[str, object]:
    figures = []
    for metric in METRICS:
        rows = [(group, found) for group in groups if (found := group.of(metric.name)) is not None]
        if rows:
            figures.append((f"{metric.name}: {metric.says} ({metric.better} is better)", Markup(_dots(rows))))
    verdicts = [(group.told, tally(group.outcomes) or "not run", group.outcomes) for group in groups]
    return {"name": name, "figures": figures, "verdicts": verdicts}


def _dots(rows: Sequence[tuple[Group, Measured]]) -> str:
    """Values to the right, from zero: a length twice as long is twice as much."""
    top = max(max(found.values) for _, found in rows)
    top = top or 1.0
    inner = _WIDTH - _LEFT - _RIGHT
    height = _ROW * len(rows) + _AXIS
    parts = [
        f'<svg viewBox="0 0 {_WIDTH} {height}" role="img" style="max-width:{_WIDTH}px;width:100%">',
        *(_tick(value, top, inner, height) for value in _ticks(top)),
    ]
    for number, (group, found) in enumerate(rows):
        y = _ROW * number + _ROW / 2
        unit, digits = found.metric.unit, found.metric.digits
        parts.append(
            f'<text x="{_LEFT - 10}" y="{num(y + 4)}" text-anchor="end" fill="{var("fg")}">{text(group.told)}</text>'
        )
        xs = [_LEFT + inner * value / top for value in found.values]
        parts.append(
            f'<line x1="{num(min(xs))}" x2="{num(max(xs))}" y1="{num(y)}" y2="{num(y)}"'
            f' stroke="{var("mut")}" stroke-width="2"/>'
        )
        for block, (x, value) in enumerate(zip(xs, found.values, strict=True), 1):
            tip = titled(f"{group.told}, trial {block}: {value:.{digits}f} {unit}")
            parts.append(
                f'<circle cx="{num(x)}" cy="{num(y)}" r="4" fill="{var("dot")}" fill-opacity=".7">{tip}</circle>'
            )
        middle = _LEFT + inner * found.median / top
        parts.append(
            f'<line x1="{num(middle)}" x2="{num(middle)}" y1="{num(y - 9)}" y2="{num(y + 9)}"'
            f' stroke="{var("line")}" stroke-width="2.5">{titled("median")}</line>'
        )
        parts.append(
            f'<text x="{_WIDTH - _RIGHT + 10}" y="{num(y + 4)}" fill="{var("fg")}">{found.median:.{digits}f}</text>'
        )
    return "".join([*parts, "</svg>"])


def _tick(value: float, top: float, inner: float, height: float) -> str:
    x = num(_LEFT + inner * value / top)
    return (
        f'<line x1="{x}" x2="{x}" y1="0" y2="{height - _AXIS}" stroke="{var("grid")}"/>'
        f'<text x="{x}" y="{height - 6}" text-anchor="middle" fill="{var("mut")}">{value:g}</text>'
    )


def _ticks(top: float) -> list[float]:
    """Round values, about five of them."""
    size = 10 ** math.floor(math.log10(top / 4))
    step = next(size * factor for factor in (1, 2, 5, 10) if top / (size * factor) <= 5)
    return [step * number for number in range(int(top / step + 1e-9) + 1)]
