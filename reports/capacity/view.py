"""A capacity search from its record: every trial judged anew, and where the search stands."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from harness.model.verdict import Outcome
from harness.tuning.capacity import Capacity, Range, Step, Tried, Unknown, next_step
from harness.tuning.holds import holds
from reports.view import RunView


@dataclass(frozen=True, slots=True)
class CapacityView:
    """`step` is the answer, or what would have been tried next where the search was cut off."""

    tried: tuple[Tried, ...]
    step: Step
    workers: int
    p99_ms: float
    error_rate: float

    @property
    def outcome(self) -> Outcome:
        return "pass" if isinstance(self.step, Capacity) else "inconclusive"

    @property
    def told(self) -> str:
        objective = f"p99 at most {self.p99_ms:g} ms, errors at most {self.error_rate:.2%}"
        if isinstance(self.step, Capacity):
            low, high = self.step.low_rps, self.step.high_rps
            return f"holds {low:g} requests/s and not {high:g} ({objective}), each in two long trials of three"
        if isinstance(self.step, Unknown):
            held = "" if self.step.held_rps is None else f" At least {self.step.held_rps:g} requests/s held."
            return f"no interval can be told: {self.step.why}.{held}"
        return "the search was cut off before it had an answer"


def is_search(facts: Mapping[str, object]) -> bool:
    return isinstance(facts.get("search"), dict)


def view_search(run: RunView) -> CapacityView:
    asked = run.facts["search"]
    assert isinstance(asked, dict)
    tried = tuple(holds(trial.record) for trial in run.trials)
    first = run.trials[0].record.trial if run.trials else None
    return CapacityView(
        tried,
        next_step(tried, Range(**asked)),
        first.workers if first else 0,
        first.slo.p99_ms if first else 0.0,
        first.slo.error_rate if first else 0.0,
    )
