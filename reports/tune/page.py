"""The page of a tuning: what to set, what each lever did, what was survived, and what nobody tested."""

from __future__ import annotations

from markupsafe import Markup

from harness.tuning.asked import short
from harness.tuning.levers import Moved
from harness.tuning.recommendation import Effect
from harness.tuning.tuned_words import rate
from reports.html.frame import fill_run
from reports.html.palette import var
from reports.html.rate_axis import AXIS_HEIGHT, RateAxis
from reports.html.svg import num, titled
from reports.tune.view import TuneView, pasted
from reports.view import RunView

_WIDTH, _LEFT, _RIGHT, _ROW = 760, 150, 90, 22


def tune_page(run: RunView, view: TuneView) -> str:
    tuned = view.tuned
    return fill_run(
        "tune.html.j2",
        view.outcome,
        run.run_dir,
        run.facts,
        "plan",
        "tune",
        told=view.told,
        economy=view.economy,
        files=[(file.name, file.text) for file in pasted(run, view)],
        settings=[(short(each.key), each) for each in tuned.recommendation.settings],
        timeouts=[(short(each.key), each) for each in view.derived],
        no_timeouts=view.timeouts.cannot if view.timeouts is not None else "",
        trying_them=view.trying_them,
        withdrawn=[(short(each.setting.key), each) for each in tuned.recommendation.withdrawn],
        effects=[(each.metric, *_percent(each), each.pairs) for each in tuned.effects],
        levers=[(short(move.lever.key), move, Markup(figure(move))) for move in view.moves],
        outcomes=list(tuned.survived.outcomes.items()),
        own=tuned.survived.own,
        untested=tuned.untested,
        trials=view.seen,
    )


def _percent(each: Effect) -> tuple[str, str, str]:
    change, low, high = (f"{100 * (value - 1):+.1f} %" for value in (each.ratio, each.low, each.high))
    return change, low, high


def figure(move: Moved) -> str:
    """A row for each value of a lever, its score to the right on a logarithmic axis; what was chosen is filled."""
    if not move.tried:
        return ""
    known = list(move.tried.values())
    axis = RateAxis(min(known) / 1.3, max(known) * 1.3, _LEFT, _WIDTH - _RIGHT, _ROW * len(known))
    height = axis.height + AXIS_HEIGHT
    parts = [f'<svg viewBox="0 0 {_WIDTH} {height}" role="img" style="max-width:{_WIDTH}px;width:100%">']
    parts += axis.grid()
    parts += [_mark(move, value, row, axis) for row, value in enumerate(move.tried)]
    return "".join([*parts, "</svg>"])


def _mark(move: Moved, value: int, row: int, axis: RateAxis) -> str:
    score = move.tried[value]
    x, y = axis.x(score), _ROW * row + _ROW / 2
    chosen, limited = value == move.after, value in move.limits
    color = var("pass") if chosen else var("mut")
    sign = "▶" if limited else "●" if chosen else "○"
    said = f"at least {rate(score)}" if limited else rate(score)
    name = f"{value}{' (now)' if value == move.before else ''}{' ✔' if chosen else ''}"
    return (
        f'<text x="{_LEFT - 12}" y="{num(y + 4)}" text-anchor="end" fill="{var("fg")}">{name}</text>'
        f'<text x="{num(x)}" y="{num(y + 5)}" text-anchor="middle" font-size="14" fill="{color}">{sign}'
        f"{titled(f'{short(move.lever.key)}={value}: {said}')}</text>"
        f'<text x="{num(x + 12)}" y="{num(y + 4)}" fill="{var("mut")}">{said}</text>'
    )
