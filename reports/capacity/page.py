"""The page of a capacity search: its trials from the first to the last, by rate."""

from __future__ import annotations

from markupsafe import Markup

from harness.tuning.capacity import Capacity, Tried
from reports.capacity.view import CapacityView
from reports.html.frame import fill_run
from reports.html.palette import var
from reports.html.rate_axis import AXIS_HEIGHT, RateAxis
from reports.html.svg import num, titled
from reports.view import RunView

_WIDTH, _LEFT, _RIGHT, _ROW = 760, 60, 30, 22
_COLOR = {"held": "pass", "broke": "fail", "invalid": "inconclusive"}
_SIGN = {"held": "✔", "broke": "✖", "invalid": "?"}


def capacity_page(run: RunView, view: CapacityView) -> str:
    return fill_run(
        "capacity.html.j2",
        view.outcome,
        run.run_dir,
        run.facts,
        "plan",
        told=view.told,
        workers=view.workers,
        figure=Markup(_figure(view)),
        tried=[(trial, _SIGN[trial.result], "long" if trial.long else "short") for trial in view.tried],
    )


def _figure(view: CapacityView) -> str:
    """Time goes down, the rate to the right on a logarithmic axis; a long trial is a large sign."""
    if not view.tried:
        return ""
    rates = [trial.rate_rps for trial in view.tried]
    axis = RateAxis(min(rates) / 1.2, max(rates) * 1.2, _LEFT, _WIDTH - _RIGHT, _ROW * len(rates))
    height = axis.height + AXIS_HEIGHT
    parts = [f'<svg viewBox="0 0 {_WIDTH} {height}" role="img" style="max-width:{_WIDTH}px;width:100%">']
    if isinstance(view.step, Capacity):
        left, right = axis.x(view.step.low_rps), axis.x(view.step.high_rps)
        parts.append(
            f'<rect x="{num(left)}" width="{num(max(right - left, 2))}" y="0" height="{axis.height}"'
            f' fill="{var("held")}">{titled("capacity")}</rect>'
        )
    parts += axis.grid()
    parts += [_mark(trial, number, axis) for number, trial in enumerate(view.tried)]
    return "".join([*parts, "</svg>"])


def _mark(trial: Tried, number: int, axis: RateAxis) -> str:
    size = 18 if trial.long else 12
    x, y = axis.x(trial.rate_rps), _ROW * number + _ROW / 2 + size / 3
    tip = titled(f"trial {number + 1}: {trial.rate_rps:g}/s {trial.result} {trial.why}")
    return (
        f'<text x="{num(x)}" y="{num(y)}" text-anchor="middle" font-size="{size}"'
        f' fill="{var(_COLOR[trial.result])}">{_SIGN[trial.result]}{tip}</text>'
    )
