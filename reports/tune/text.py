"""A tuning for a terminal and a pipe."""

from __future__ import annotations

from collections.abc import Sequence

from harness.tuning.asked import short
from harness.tuning.levers import Moved
from harness.tuning.recommendation import Effect
from harness.tuning.tuned_words import rate
from reports.plain import one_line
from reports.tune.view import TuneView
from reports.words import SYMBOL, SYMBOL_ASCII, WORD


def tune_text(view: TuneView, run_dir: str, target: str, names: Sequence[str] = (), ascii_only: bool = False) -> str:
    symbol = (SYMBOL_ASCII if ascii_only else SYMBOL)[view.outcome]
    tuned = view.tuned
    lines = [f"{symbol} {WORD[view.outcome]}  {one_line(target)}: {view.told}", ""]
    lines += [_move(move) for move in view.moves]
    lines += [f"  effect   {_effect(each)}" for each in tuned.effects]
    for each in tuned.recommendation.withdrawn:
        setting = each.setting
        told = f"{short(setting.key)}={setting.value}: {each.check} failed in {each.scenario}. {each.why}"
        lines.append(f"  withdrawn  {one_line(told)}")
    for own in tuned.survived.own:
        lines.append(f"  the app's own  {own.check} fails in {own.scenario} with the present settings too")
    verified = ", ".join(f"{name} {outcome}" for name, outcome in tuned.survived.outcomes.items())
    lines.append(f"  verified with  {verified or 'no scenario'}")
    lines += [f"  not tested  {name}: {one_line(why)}" for name, why in tuned.untested]
    for setting in tuned.recommendation.settings:
        if setting.changed and setting.untested:
            lines.append(f"  not tested  {short(setting.key)}: {one_line(setting.untested)}")
    lines += _timeouts(view)
    lines += ["", f"  {view.economy}", *(f"  settings {run_dir}/{name}" for name in names)]
    lines += [f"  report {run_dir}/report.html"]
    text = "\n".join(line.rstrip() for line in lines) + "\n"
    return text.encode("ascii", "replace").decode() if ascii_only else text


def _timeouts(view: TuneView) -> list[str]:
    """Where the files tell each with its reason, its name and value are enough here."""
    changed = [f"{each.name}={each.value}" for each in view.derived if each.changed]
    lines = (
        [f"  timeouts  {', '.join(changed)}: from what the scenarios have shown, not run with yet"] if changed else []
    )
    if view.trying_them:
        lines.append(f"            try them: {one_line(view.trying_them)}")
    if view.timeouts is not None and view.timeouts.cannot:
        lines.append(f"  timeouts  none for the database. {one_line(view.timeouts.cannot)}")
    return lines


def _move(move: Moved) -> str:
    tried = ", ".join(
        f"{value}: {'at least ' if value in move.limits else ''}{rate(score)}" for value, score in move.tried.items()
    )
    together = f", together with {short(move.traded)}" if move.traded else ""
    kept = f", kept, for {move.rival} cannot be told from it" if move.rival is not None else ""
    return f"  {short(move.lever.key)}  {move.before} to {move.after}, x {move.ratio:.2f}  ({tried}){kept}{together}"


def _effect(each: Effect) -> str:
    change, low, high = (100 * (value - 1) for value in (each.ratio, each.low, each.high))
    return f"{each.metric} {change:+.1f} % (95 % interval {low:+.1f} to {high:+.1f}, {each.pairs} pairs)"
