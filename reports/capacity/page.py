"""The page of a capacity search: its trials from the first to the last, by rate."""

from __future__ import annotations

import math

from markupsafe import Markup

from harness.tuning.capacity import Capacity, Tried
from reports.capacity.view import CapacityView
from reports.html.page import icon, shown, stylesheet, templates
from reports.html.palette import var
from reports.html.svg import num, titled
from reports.view import RunView
from reports.words import SYMBOL, WORD

_WIDTH, _LEFT, _RIGHT, _ROW, _AXIS = 760, 60, 30, 22, 26
_TOLD = frozenset({"schema_version", "command", "target", "plan"})
_COLOR = {"held": "pass", "broke": "fail", "invalid": "inconclusive"}
_SIGN = {"held": "✔", "broke": "✖", "invalid": "?"}


def capacity_page(run: RunView, view: CapacityView) -> str:
    command = run.facts.get("command")
    return (
        templates()
        .get_template("capacity.html.j2")
        .render(
            outcome=view.outcome,
            symbol=SYMBOL,
            word=WORD,
            target=run.target,
            told=view.told,
            workers=view.workers,
            figure=Markup(_figure(view)),
            tried=[(trial, _SIGN[trial.result], "long" if trial.long else "short") for trial in view.tried],
            command=" ".join(map(str, command)) if isinstance(command, list) else "",
            facts=[(name, shown(value)) for name, value in run.facts.items() if name not in _TOLD],
            run_dir=run.run_dir,
            icon=icon(view.outcome),
            css=stylesheet(),
        )
    )


def _figure(view: CapacityView) -> str:
    """Time goes down, the rate to the right on a logarithmic axis; a long trial is a large sign."""
    if not view.tried:
        return ""
    rates = [trial.rate_rps for trial in view.tried]
    low, high = min(rates) / 1.2, max(rates) * 1.2
    height = _ROW * len(rates) + _AXIS
    parts = [f'<svg viewBox="0 0 {_WIDTH} {height}" role="img" style="max-width:{_WIDTH}px;width:100%">']
    if isinstance(view.step, Capacity):
        left, right = _x(view.step.low_rps, low, high), _x(view.step.high_rps, low, high)
        parts.append(
            f'<rect x="{num(left)}" width="{num(max(right - left, 2))}" y="0" height="{height - _AXIS}"'
            f' fill="{var("held")}">{titled("capacity")}</rect>'
        )
    parts += [_tick(value, low, high, height) for value in _ticks(low, high)]
    parts += [_mark(trial, number, low, high) for number, trial in enumerate(view.tried)]
    return "".join([*parts, "</svg>"])


def _mark(trial: Tried, number: int, low: float, high: float) -> str:
    size = 18 if trial.long else 12
    x, y = _x(trial.rate_rps, low, high), _ROW * number + _ROW / 2 + size / 3
    tip = titled(f"trial {number + 1}: {trial.rate_rps:g}/s {trial.result} {trial.why}")
    return (
        f'<text x="{num(x)}" y="{num(y)}" text-anchor="middle" font-size="{size}"'
        f' fill="{var(_COLOR[trial.result])}">{_SIGN[trial.result]}{tip}</text>'
    )


def _tick(value: float, low: float, high: float, height: float) -> str:
    x = num(_x(value, low, high))
    return (
        f'<line x1="{x}" x2="{x}" y1="0" y2="{height - _AXIS}" stroke="{var("grid")}"/>'
        f'<text x="{x}" y="{height - 8}" text-anchor="middle" fill="{var("mut")}">{value:g}/s</text>'
    )


def _ticks(low: float, high: float) -> list[float]:
    digits = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    return [
        value for power in digits for value in (10.0**power, 2 * 10.0**power, 5 * 10.0**power) if low <= value <= high
    ]


def _x(rate: float, low: float, high: float) -> float:
    return _LEFT + (_WIDTH - _LEFT - _RIGHT) * math.log(rate / low) / math.log(high / low)
