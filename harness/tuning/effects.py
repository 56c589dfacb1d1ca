"""What the recommendation changes, from blocks of two trials: the score, and response times at a rate that both hold.

    warm-up │ common │ common │ common │ common │ the configuration's own staircase …

Only trials of one block are compared, as in every comparison; fewer than three blocks say nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from harness.model.load_shape import Step
from harness.model.record import TrialRecord
from harness.tuning.comparison import LEAST_PAIRS
from harness.tuning.metrics import measure_within
from harness.tuning.paired import effect
from harness.tuning.recommendation import Effect
from harness.tuning.staircase import Stairs, next_levels, read_stairs

COMMON_STEPS = 4
COMMON_SHARE = 0.6
SCORE = "score"
_TOLD = ("p50_ms", "p99_ms")
_S = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Paired:
    """One trial of a block: `new` is the recommended configuration."""

    block: int
    new: bool
    values: Mapping[str, float]


def paired_levels(mine: Sequence[Stairs], common_rps: float) -> tuple[float, ...]:
    """The rate that both hold, then the bracket of this one, or up from what it held where that has no end yet."""
    known = [each for each in mine if each.bounded] or [each for each in mine if each.low_rps]
    own = next_levels(known[-1:], common_rps / COMMON_SHARE)
    common = float(f"{common_rps:.3g}")
    return (*[common] * COMMON_STEPS, *(level for level in own if level > common))


def read_paired(record: TrialRecord) -> Mapping[str, float]:
    """The score, and the times at the common rate; what cannot be told is absent."""
    found: dict[str, float] = {}
    stairs = read_stairs(record)
    if stairs.bounded and not stairs.limit:
        found[SCORE] = stairs.middle_rps
    shape, zero_ns = record.trial.shape, record.load_started_ns
    if isinstance(shape, Step) and zero_ns is not None:
        each_ns = round(shape.each_s * _S)
        times = measure_within(record, zero_ns + each_ns, zero_ns + (1 + COMMON_STEPS) * each_ns)
        found.update({name: times[name] for name in _TOLD if name in times})
    return found


def effects(trials: Sequence[Paired]) -> tuple[Effect, ...]:
    """One for each metric of which there are blocks enough, the score first."""
    found = []
    for metric in (SCORE, *_TOLD):
        pairs = _pairs(trials, metric)
        if len(pairs) >= LEAST_PAIRS:
            seen = effect([base for base, _ in pairs], [new for _, new in pairs])
            found.append(Effect(metric, seen.ratio, seen.low, seen.high, seen.blocks))
    return tuple(found)


def _pairs(trials: Sequence[Paired], metric: str) -> list[tuple[float, float]]:
    sides: dict[int, dict[bool, float]] = {}
    for trial in trials:
        if metric in trial.values:
            sides.setdefault(trial.block, {})[trial.new] = trial.values[metric]
    return [(both[False], both[True]) for _, both in sorted(sides.items()) if len(both) == 2]
