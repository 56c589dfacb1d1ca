"""The trials of a comparison in pairs of one block, and what follows from them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from harness.model.verdict import Outcome
from harness.tuning.comparison import Answer, Comparison, Measured, compare
from harness.tuning.metrics import measure
from reports.view import RunView, TrialView

_OUTCOME: Mapping[Answer, Outcome] = {
    "better": "pass",
    "no difference seen": "pass",
    "worse": "fail",
    "inconclusive": "inconclusive",
}


@dataclass(frozen=True, slots=True)
class CompareView:
    """By scenario, in the order of the plan. `base` and `new` say what was compared."""

    base: str
    new: str
    found: Mapping[str, Comparison]

    @property
    def outcome(self) -> Outcome:
        """A regression fails; a comparison that says nothing is inconclusive."""
        outcomes = [_OUTCOME[each.answer] for each in self.found.values()]
        return next((word for word in ("fail", "inconclusive") if word in outcomes or not outcomes), "pass")


def is_comparison(facts: Mapping[str, object]) -> bool:
    return isinstance(facts.get("compare"), dict)


def view_comparison(run: RunView) -> CompareView:
    asked, plan = run.facts["compare"], run.facts["plan"]
    assert isinstance(asked, dict)
    assert isinstance(plan, list)
    block_of = {entry["trial"]: entry["block"] for entry in plan}
    scenarios = dict.fromkeys(entry["scenario"] for entry in plan)
    found = {
        name: compare(_blocks(name, run.trials, block_of), asked["metric"], asked["minimal"]) for name in scenarios
    }
    return CompareView(asked["base"], asked["new"], found)


def _blocks(scenario: str, trials: Sequence[TrialView], block_of: Mapping[str, int]) -> list[tuple[Measured, Measured]]:
    sides: dict[int, dict[object, Measured]] = {}
    for trial in trials:
        if trial.verdict.scenario == scenario and trial.record.whole:
            slug = trial.folder.rpartition("/")[2]
            side = trial.verdict.config.get("compared")
            sides.setdefault(block_of[slug], {})[side] = Measured(measure(trial.record), trial.verdict)
    whole = [sides[block] for block in sorted(sides) if len(sides[block]) == 2]
    return [(each["base"], each["new"]) for each in whole]
