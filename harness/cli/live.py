"""What a person sees while a run goes on: a live view on a terminal, plain lines in a pipe, nothing with --quiet."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeGuard

from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from harness.checks.judge import judge_trial
from harness.model.observation import FaultChanged, LoadSummed, Noted, Observation, ProbeAnswered, WorkersSeen
from harness.model.trial import PlannedTrial
from harness.model.verdict import TrialVerdict
from harness.record import read_trial

_SYMBOL = {"pass": "✔", "fail": "✖", "inconclusive": "?", "error": "!"}
_STYLE = {"pass": "blue", "fail": "dark_orange3", "inconclusive": "bright_black", "error": "red"}

Judge = Callable[[Path], TrialVerdict]


class Figures:
    """The last of each figure that the live view shows."""

    def __init__(self) -> None:
        self.phase, self.phase_began, self.phase_s = "", time.monotonic(), 0.0
        self.faults: list[str] = []
        self.workers = 0
        self.ready: bool | None = None
        self.load: LoadSummed | None = None
        self.rate_rps = 0.0
        self.errors = 0

    def see(self, seen: Observation) -> None:
        if isinstance(seen, LoadSummed):
            if self.load is not None and seen.sent_ns > self.load.sent_ns:
                self.rate_rps = (seen.sent - self.load.sent) / ((seen.sent_ns - self.load.sent_ns) / 1e9)
            self.load = seen
            self.errors = seen.failed + seen.timed_out
        elif isinstance(seen, ProbeAnswered) and seen.probe == "ready" and seen.via == "fresh":
            self.ready = seen.good
        elif isinstance(seen, WorkersSeen):
            self.workers = len(seen.pids)
        elif isinstance(seen, FaultChanged):
            if seen.action == "apply":
                self.faults.append(seen.fault)
            elif seen.action == "lift" and seen.fault in self.faults:
                self.faults.remove(seen.fault)

    @property
    def left_s(self) -> float:
        return max(0.0, self.phase_s - (time.monotonic() - self.phase_began))


class Quiet:
    """Says nothing."""

    def __init__(self, judge: Judge) -> None:
        self._judge = judge
        self.verdicts: dict[str, TrialVerdict] = {}  # by the trial's slug

    def __enter__(self) -> Quiet:
        return self

    def __exit__(self, *_: object) -> None: ...

    def say(self, text: str) -> None: ...

    def found(self, text: str) -> None:
        """What a search has learnt from a trial; in its place nothing is told of the verdicts."""

    def run_again(self, trials: Sequence[PlannedTrial]) -> None:
        """These have their record, and are conducted once more."""

    def trial_began(self, planned: PlannedTrial, total: int) -> None: ...

    def trial_ended(self, planned: PlannedTrial, folder: Path) -> None:
        self.verdicts[planned.slug] = self._judge(folder)

    def phase(self, planned: PlannedTrial, phase: str, length_s: float) -> None: ...

    def seen(self, observation: Observation) -> None: ...


class Plain(Quiet):
    """Plain lines on stderr."""

    def say(self, text: str) -> None:
        print(f"shakedown: {text}", file=sys.stderr, flush=True)

    def found(self, text: str) -> None:
        self.say(text)

    def run_again(self, trials: Sequence[PlannedTrial]) -> None:
        self.say(_again(trials))

    def trial_began(self, planned: PlannedTrial, total: int) -> None:
        about = f"about {planned.estimate_s:.0f} s"
        self.say(f"{_numbered(planned, total)} {planned.scenario.name}, {planned.workers} workers, {about}")

    def trial_ended(self, planned: PlannedTrial, folder: Path) -> None:
        super().trial_ended(planned, folder)
        if not _is_searching(planned):
            self.say(_line(self.verdicts[planned.slug]))

    def phase(self, planned: PlannedTrial, phase: str, length_s: float) -> None:
        self.say(f"    {phase}")

    def seen(self, observation: Observation) -> None:
        if _is_for_now(observation):
            self.say(f"    {observation.text}")


class OnTerminal(Quiet):
    """A line for each trial that ended, and a live block for the one that runs."""

    def __init__(self, judge: Judge, total_s: float) -> None:
        super().__init__(judge)
        self._console = Console(stderr=True)
        self._figures = Figures()
        self._title, self._note = "setting up", ""
        self._left_s = total_s
        self._live = Live(get_renderable=self._render, console=self._console, refresh_per_second=4, transient=True)

    def __enter__(self) -> OnTerminal:
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    def say(self, text: str) -> None:
        self._note = text

    def found(self, text: str) -> None:
        self._console.print(Text(text))

    def run_again(self, trials: Sequence[PlannedTrial]) -> None:
        self._left_s += sum(planned.estimate_s for planned in trials)
        self._console.print(Text(_again(trials)))

    def trial_began(self, planned: PlannedTrial, total: int) -> None:
        self._figures = Figures()
        self._title = f"{_numbered(planned, total)} {planned.scenario.name}"
        self._note = planned.scenario.asks

    def trial_ended(self, planned: PlannedTrial, folder: Path) -> None:
        super().trial_ended(planned, folder)
        self._left_s = max(0.0, self._left_s - planned.estimate_s)
        verdict = self.verdicts[planned.slug]
        if not _is_searching(planned):
            self._console.print(Text(_line(verdict), style=_STYLE[verdict.verdict]))

    def phase(self, planned: PlannedTrial, phase: str, length_s: float) -> None:
        self._figures.phase, self._figures.phase_began, self._figures.phase_s = phase, time.monotonic(), length_s

    def seen(self, observation: Observation) -> None:
        self._figures.see(observation)
        if _is_for_now(observation):
            self._console.print(Text(f"! {observation.text}", style="dim"))

    def _render(self) -> Table:
        figures = self._figures
        table = Table.grid(padding=(0, 2))
        table.add_row(Text(self._title, style="bold"), Text(self._note, style="dim"))
        ready = {None: "–", True: "ready", False: "NOT READY"}[figures.ready]
        load = figures.load
        p99 = f"{load.p99_ms:.0f} ms" if load is not None and load.p99_ms >= 0 else "–"
        broken = "▼ " + ", ".join(figures.faults) if figures.faults else "nothing broken"
        table.add_row(
            f"{figures.phase} {figures.left_s:.0f} s left",
            f"{figures.rate_rps:.0f} requests/s · p99 {p99} · {figures.errors} errors · {ready} ·"
            f" {figures.workers} workers · {broken} · run: about {self._left_s:.0f} s left",
        )
        return table


def _is_for_now(observation: Observation) -> TypeGuard[Noted]:
    """Of the notes in the record, those on which a person may want to act: a machine that helps was lost, or came."""
    return isinstance(observation, Noted) and observation.what.startswith("load-worker-")


def _numbered(planned: PlannedTrial, total: int) -> str:
    """A search does not know how many there will be."""
    return f"[{planned.index}/{total}]" if total else f"[{planned.index}]"


def _again(trials: Sequence[PlannedTrial]) -> str:
    names = ", ".join(planned.scenario.name for planned in trials)
    about_s = sum(planned.estimate_s for planned in trials)
    return f"the machine was not fit to judge {names}: run again, about {about_s:.0f} s"


def _is_searching(planned: PlannedTrial) -> bool:
    """It asks for too much on purpose: that objectives break there is what it looks for, and no failure."""
    return not planned.scenario.settles


def _line(verdict: TrialVerdict) -> str:
    counts = {word: sum(v.verdict == word for v in verdict.verdicts) for word in _SYMBOL}
    said = ", ".join(f"{count} {word}" for word, count in counts.items() if count)
    return f"{_SYMBOL[verdict.verdict]} {verdict.verdict} {verdict.scenario}: {said}"


def make_watcher(quiet: bool, total_s: float) -> Quiet:
    """What fits the place where it is shown; each trial is judged when its record is there."""

    def judge(folder: Path) -> TrialVerdict:
        return judge_trial(read_trial(folder))

    if quiet:
        return Quiet(judge)
    return OnTerminal(judge, total_s) if sys.stderr.isatty() else Plain(judge)
