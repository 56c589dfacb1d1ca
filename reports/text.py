"""The summary at the end of a run: the verdict, then why, then where to look. For a terminal and for a pipe."""

from __future__ import annotations

import os
import shlex
import textwrap
from collections.abc import Iterator, Sequence
from itertools import groupby

from harness.model.verdict import Outcome, TrialVerdict, Verdict
from reports.document import run_verdict
from reports.plain import one_line, printable
from reports.words import (
    SYMBOL,
    SYMBOL_ASCII,
    WORD,
    checks_told,
    config_told,
    counted,
    explained_at,
    run_again_told,
    sorted_verdicts,
    tally,
)

# Blue and orange, which hardly anybody takes for each other; the symbol says the same.
_COLOR: dict[Outcome, str] = {
    "pass": "\x1b[34m",
    "fail": "\x1b[1;31m",
    "inconclusive": "\x1b[33m",
    "error": "\x1b[1;35m",
}
_LOG_LINES, _LOG_WIDTH = 10, 160
_DIM, _OFF = "\x1b[2m", "\x1b[0m"


def summarise(
    run_dir: str,
    target: str,
    verdicts: Sequence[TrialVerdict],
    *,
    color: bool,
    ascii_only: bool = False,
    width: int = 0,
    has_page: bool = True,
) -> str:
    """The whole summary, lines ended by a newline. `width` 0 leaves each sentence on one line, as a pipe wants it.

    `has_page`: the report page lies in the run directory; else it is said how to have it written.
    """
    pen = _Pen(color, ascii_only, width)
    lines = [*_head(target, verdicts, pen), "", *_trials(verdicts, pen), "", *_where(run_dir, verdicts, has_page)]
    text = "\n".join(lines) + "\n"
    return text.encode("ascii", "replace").decode() if ascii_only else text


class _Pen:
    """How to write on this terminal."""

    def __init__(self, color: bool, ascii_only: bool, width: int) -> None:
        self._color = color
        self._width = width
        self._symbols = SYMBOL_ASCII if ascii_only else SYMBOL
        self.arrow = "->" if ascii_only else "→"

    def paint(self, outcome: Outcome, text: str) -> str:
        return f"{_COLOR[outcome]}{text}{_OFF}" if self._color else text

    def dim(self, text: str) -> str:
        return f"{_DIM}{text}{_OFF}" if self._color else text

    def symbol(self, outcome: Outcome) -> str:
        return self.paint(outcome, self._symbols[outcome])

    def wrap(self, first: str, rest: str, text: str) -> list[str]:
        """`text` after `first`, further lines after `rest`; colour codes only stand in `first`."""
        room = max(30, self._width - len(rest)) if self._width else 10**9
        parts = textwrap.wrap(text, room, break_long_words=False, break_on_hyphens=False) or [""]
        return [first + parts[0], *(rest + part for part in parts[1:])]


def _head(target: str, verdicts: Sequence[TrialVerdict], pen: _Pen) -> Iterator[str]:
    outcome = run_verdict(verdicts)
    told = tally([trial.verdict for trial in verdicts]) or "nothing was run"
    word = pen.paint(outcome, WORD[outcome])
    yield f"{pen.symbol(outcome)} {word}  {counted(len(verdicts), 'trial')} of {one_line(target)}: {told}"


def _trials(verdicts: Sequence[TrialVerdict], pen: _Pen) -> Iterator[str]:
    entries = [
        [trial for _, trial in entry] for _, entry in groupby(enumerate(verdicts), key=lambda each: _alike(*each))
    ]
    names = [", ".join(_name(trial, verdicts) for trial in entry) for entry in entries]
    column = max((len(name) for entry, name in zip(entries, names, strict=True) if len(entry) == 1), default=0)
    for (trial, *others), name in zip(entries, names, strict=True):
        if others:
            yield from pen.wrap(f"{pen.symbol(trial.verdict)} ", "  ", name)
        else:
            yield f"{pen.symbol(trial.verdict)} {name:{column}}  {checks_told(trial)}"
        if trial.note:
            yield from pen.wrap("    ", "    ", one_line(trial.note))
        for before in trial.set_aside:
            yield from pen.wrap("    ", "    ", one_line(run_again_told(before)))
        yield from _reasons(trial, pen)


def _alike(place: int, trial: TrialVerdict) -> object:
    """Trials of which the same is to be said, and nothing else, share an entry: those that never began."""
    return (trial.verdict, trial.note) if trial.note and not trial.verdicts else place


def _name(trial: TrialVerdict, verdicts: Sequence[TrialVerdict]) -> str:
    """The scenario; with its configuration where the name alone does not tell it from another trial."""
    shared = sum(1 for other in verdicts if other.scenario == trial.scenario) > 1
    config = f" [{config_told(trial.config)}]" if shared and trial.config else ""
    return one_line(trial.scenario + config)


def _reasons(trial: TrialVerdict, pen: _Pen) -> Iterator[str]:
    """Each check that did not pass, or that passed because its finding is a known limit of the server.

    Those that say the same, as after a failed premise, share one entry; an advice stands under the first that gives it.
    """
    groups: dict[tuple[Outcome, str, str], list[Verdict]] = {}
    for verdict in sorted_verdicts(trial):
        if verdict.verdict != "pass" or verdict.attributed_to == "server":
            groups.setdefault((verdict.verdict, verdict.why, verdict.advice), []).append(verdict)
    advised: set[str] = set()
    for (outcome, why, advice), group in groups.items():
        checks = ", ".join(one_line(verdict.check) for verdict in group)
        yield from pen.wrap(f"    {pen.symbol(outcome)} ", "      ", f"{checks}: {one_line(why)}")
        for line in _log_lines(group[0]):
            yield pen.dim(f"      | {line}")
        if advice and advice not in advised:
            advised.add(advice)
            yield from pen.wrap(f"      {pen.arrow} ", "        ", one_line(advice))
        for place in filter(None, map(explained_at, group)):
            yield f"        {one_line(place)}"


def _log_lines(verdict: Verdict) -> list[str]:
    """What the server said last, where it did not come up: the reason mostly stands there."""
    tail = verdict.evidence.get("log_tail")
    lines = [one_line(line) for line in tail.splitlines()] if isinstance(tail, str) else []
    return [line if len(line) <= _LOG_WIDTH else f"{line[:_LOG_WIDTH]}…" for line in lines if line][-_LOG_LINES:]


def _where(run_dir: str, verdicts: Sequence[TrialVerdict], has_page: bool) -> Iterator[str]:
    shown = printable(shlex.quote(run_dir))
    if any(trial.verdict == "inconclusive" for trial in verdicts):
        yield "Not sure     docs/troubleshooting.md#a-verdict-is-inconclusive"
    yield f"Report       {printable(os.path.join(run_dir, 'report.html')) if has_page else f'shakedown report {shown}'}"
    yield f"Judge again  shakedown judge {shown}"
