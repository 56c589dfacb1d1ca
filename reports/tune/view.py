"""A tuning from its record: every trial read anew, and what all of them say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from harness.model.target import Slo
from harness.model.tune import TimeoutKey
from harness.model.verdict import Outcome
from harness.tuning.asked import Asked, Hardship, Seen, see, short
from harness.tuning.levers import Lever, Moved
from harness.tuning.paste import File, files
from harness.tuning.recommendation import Setting
from harness.tuning.timeouts import Derived
from harness.tuning.timeouts.from_trials import SHOWN_BY, settable
from harness.tuning.tuned import Tuned, tell
from reports.view import RunView
from reports.words import counted


@dataclass(frozen=True, slots=True)
class TuneView:
    tuned: Tuned
    seen: tuple[Seen, ...]
    asked: Asked
    slo: Slo
    timeouts: Derived | None = None

    @property
    def outcome(self) -> Outcome:
        return self.tuned.outcome

    @property
    def told(self) -> str:
        """The one sentence."""
        tuned = self.tuned
        if tuned.broken:
            return f"nothing is recommended: {tuned.broken}"
        chosen = self.config_told
        strongest = tuned.strongest
        lever = (
            f"the lever is {short(strongest.lever.key)}: {strongest.before} to {strongest.after} takes the score to"
            f" {strongest.ratio:.2f} times; "
            if strongest is not None and strongest.before != strongest.after
            else "no lever moved the score; "
        )
        who = "it was not found out" if tuned.found.unfinished else "this machine cannot tell"
        cannot = f"; {who} whether that is best: {tuned.found.hangs}" if tuned.found.hangs else ""
        return f"{lever}recommended is {chosen}, which holds {self.score_told}{cannot}"

    @property
    def config_told(self) -> str:
        levers = [(lever.key, value) for lever, value in zip(self.asked.levers, self.tuned.config, strict=True)]
        return ", ".join(f"{short(key)}={value}" for key, value in (*levers, *self.tuned.more))

    @property
    def score_told(self) -> str:
        low, high = self.tuned.low_rps, self.tuned.high_rps
        if low is None:
            return "what was not found out"
        if high is None:
            return f"at least {low:g} requests/s"
        return f"{low:g} requests/s and not {high:g}"

    @property
    def derived(self) -> tuple[Setting, ...]:
        """Timeouts that follow from what the scenarios have shown, but for those that are recommended or withdrawn."""
        if self.timeouts is None or self.tuned.broken:
            return ()
        told = self.tuned.recommendation
        known = {each.key for each in (*told.settings, *(each.setting for each in told.withdrawn))}
        return tuple(each for each in self.timeouts.settings if each.key not in known)

    @property
    def trying_them(self) -> str:
        """How to run what they are for with what of them can be set."""
        sets = [f"--set {_typed(each.key)}={each.value}" for each in settable(self.derived) if each.changed]
        return f"shakedown run {' '.join(SHOWN_BY)} {' '.join(sets)}" if sets else ""

    @property
    def moves(self) -> tuple[Moved, ...]:
        """The strongest lever first."""
        return tuple(sorted(self.tuned.found.moves, key=lambda move: -move.ratio))

    @property
    def economy(self) -> str:
        recommendation = self.tuned.recommendation
        climbs = self.tuned.found.trials
        grid = f"{recommendation.grid_trials:,}"
        return f"{counted(climbs, 'trial')} to search, where every combination three times would take {grid}"


def _typed(key: str) -> str:
    """As `--set` takes it: the server's options have a short form, variables have none."""
    return key if key.startswith("target.env.") else short(key)


def pasted(run: RunView, view: TuneView) -> tuple[File, ...]:
    """The settings as files to take over; none where nothing is recommended."""
    told: Any = run.facts["tune"]
    if view.tuned.broken:
        return ()
    told_all = replace(view.tuned.recommendation, settings=(*view.tuned.recommendation.settings, *view.derived))
    return files(told_all, str(run.facts.get("app", "")), told["server"], told["parts"])


def is_tuning(facts: Mapping[str, object]) -> bool:
    return isinstance(facts.get("tune"), dict)


def asked_of(facts: Mapping[str, Any]) -> Asked:
    told = facts["tune"]
    levers = tuple(Lever(each["key"], each["kind"], tuple(each["values"]), each["before"]) for each in told["levers"])
    scenarios = tuple(Hardship(each["name"], each["min_workers"]) for each in told["scenarios"])
    untested = tuple((name, why) for name, why in told["untested"])
    variables = tuple(TimeoutKey(each["rung"], each["setting"], each["before"]) for each in told.get("timeouts", ()))
    return Asked(levers, scenarios, told["repeat"], int(facts["seed"]), untested, told["server"], variables)


def view_tuning(run: RunView) -> TuneView:
    asked = asked_of(run.facts)
    plan: Any = run.facts["plan"]
    seen = tuple(
        see(trial.record, trial.verdict, plan[trial.record.trial.index - 1]["block"])
        for trial in run.trials
        if trial.record.ended is not None and trial.record.ended.reason == "complete"
    )
    slo = run.trials[0].record.trial.slo if run.trials else Slo()
    tuned = tell(asked, seen)
    return TuneView(tuned, seen, asked, slo, tuned.timeouts)
