"""BASE against NEW over the blocks of one run: one metric decides, the others are looked at with care, verdicts too.

Only trials of the same block are compared. A pair counts when both of its trials have the value and their machine and
load were in order; what the machine spoilt is left out, and with fewer than `LEAST_PAIRS` nothing is said.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Literal

from harness.model.verdict import TrialVerdict
from harness.tuning.metrics import METRICS, Metric
from harness.tuning.paired import MINIMAL_EFFECT, Effect, Finding, effect, holm, judge

LEAST_PAIRS = 3
_SOUND = ("starts", "machine-fit", "load-proven")

Answer = Literal["better", "worse", "no difference seen", "inconclusive"]


@dataclass(frozen=True, slots=True)
class Measured:
    """One trial: its numbers, and what its checks said."""

    values: Mapping[str, float]
    verdict: TrialVerdict

    @property
    def sound(self) -> bool:
        """Its numbers are those of the service: it came up, and neither machine nor generator spoilt them."""
        said = {each.check: each.verdict for each in self.verdict.verdicts}
        return all(said.get(check, "pass") == "pass" for check in _SOUND)


@dataclass(frozen=True, slots=True)
class Difference:
    """One metric. Without `effect` there were too few pairs, or values of 0 that no ratio can be taken of."""

    metric: Metric
    base: tuple[float, ...]
    new: tuple[float, ...]
    effect: Effect | None
    finding: Finding | None

    @property
    def base_median(self) -> float | None:
        return median(self.base) if self.base else None

    @property
    def new_median(self) -> float | None:
        return median(self.new) if self.new else None


@dataclass(frozen=True, slots=True)
class Broken:
    """A check that passed in every trial of BASE that it could judge, and failed in most of NEW."""

    check: str
    base_passed: int
    new_failed: int
    new_judged: int


@dataclass(frozen=True, slots=True)
class Comparison:
    """`primary` decides, and `broken` checks do. `others` are significant only after Holm's correction."""

    answer: Answer
    why: str
    pairs: int
    left_out: int
    primary: Difference
    others: tuple[Difference, ...]
    broken: tuple[Broken, ...]


def compare(
    blocks: Sequence[tuple[Measured, Measured]], primary: str = "p50_ms", minimal: float = MINIMAL_EFFECT
) -> Comparison:
    """Blocks are pairs (BASE, NEW). Raises KeyError for a metric that does not exist."""
    known = {metric.name: metric for metric in METRICS}
    sound = [pair for pair in blocks if pair[0].sound and pair[1].sound]
    main = _difference(known[primary], sound, minimal)
    rest = [_difference(metric, sound, minimal) for name, metric in known.items() if name != primary]
    sure = holm({each.metric.name: each.effect.p for each in rest if each.effect is not None})
    others = tuple(each if each.metric.name in sure else _unsure(each) for each in rest)
    broken = _broken(blocks)
    answer, why = _answer(main, broken, len(sound), minimal)
    return Comparison(answer, why, len(sound), len(blocks) - len(sound), main, others, broken)


def _difference(metric: Metric, pairs: Sequence[tuple[Measured, Measured]], minimal: float) -> Difference:
    both = [
        (base.values[metric.name], new.values[metric.name])
        for base, new in pairs
        if metric.name in base.values and metric.name in new.values
    ]
    base, new = tuple(b for b, _ in both), tuple(n for _, n in both)
    if len(both) < LEAST_PAIRS or min((*base, *new)) <= 0:
        return Difference(metric, base, new, None, None)
    found = effect(base, new)
    return Difference(metric, base, new, found, judge(found, metric.better, minimal))


def _unsure(each: Difference) -> Difference:
    finding: Finding | None = None if each.effect is None else "no difference seen"
    return Difference(each.metric, each.base, each.new, each.effect, finding)


def _broken(blocks: Sequence[tuple[Measured, Measured]]) -> tuple[Broken, ...]:
    found = []
    checks = dict.fromkeys(v.check for pair in blocks for each in pair for v in each.verdict.verdicts)
    for check in checks:
        base = [outcome for pair in blocks if (outcome := _said(pair[0], check)) in ("pass", "fail")]
        new = [outcome for pair in blocks if (outcome := _said(pair[1], check)) in ("pass", "fail")]
        failed = new.count("fail")
        if base and "fail" not in base and failed * 2 > len(new):
            found.append(Broken(check, len(base), failed, len(new)))
    return tuple(found)


def _said(trial: Measured, check: str) -> str | None:
    return next((each.verdict for each in trial.verdict.verdicts if each.check == check), None)


def _answer(main: Difference, broken: Sequence[Broken], pairs: int, minimal: float) -> tuple[Answer, str]:
    if broken:
        names = ", ".join(each.check for each in broken)
        return "worse", f"{names} passed before and failed in most trials of NEW"
    if main.effect is None or main.finding is None:
        usable = len(main.base)
        return (
            "inconclusive",
            f"{main.metric.name} is there in {usable} of {pairs} sound pairs, and {LEAST_PAIRS} are needed"
            if usable < LEAST_PAIRS
            else f"{main.metric.name} is 0 in a trial, and no ratio can be taken of that",
        )
    found = main.effect
    change, low, high = (100 * (each - 1) for each in (found.ratio, found.low, found.high))
    seen = f"{main.metric.name} {change:+.1f} % (95 % interval {low:+.1f} to {high:+.1f}, {found.blocks} pairs)"
    if main.finding == "no difference seen":
        visible = 100 * (found.smallest_visible - 1)
        return main.finding, f"{seen}; this design would have seen {visible:.0f} % nine times in ten"
    return main.finding, f"{seen}; what matters begins at {100 * minimal:g} %"
