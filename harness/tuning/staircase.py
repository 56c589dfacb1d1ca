"""How much does one configuration hold? A score from a single deployment, whose load climbs a staircase of rates.

    warm-up │ held │ held │ held │ broke │ broke      ──▶  between the third step and the fourth

Each step is judged by itself, by the predicate of the capacity search; the score lies between the highest step that
held, with all below it, and the next one. No curve is fitted and no knee looked for. What broke under two steps in a
row that held was disturbed: what holds more holds less.

A step that broke while generator or machine were at their own limit says nothing about the service. What lies below it
is then a lower bound, and `limit` tells why. Whether the CPUs sufficed is asked of those who need them: how long the
run's own processes were ready to run and had none. While they had, others on the machine took nothing away.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import fmean

import numpy as np

from harness.model.load_shape import Step
from harness.model.observation import MachineSampled
from harness.model.record import Span, TrialRecord
from harness.tuning.capacity import Held
from harness.tuning.gates import FOREIGN
from harness.tuning.holds import holds_within

EACH_S = 2.5
WAITED_CPUS, BUSY_SHARE = 0.25, 0.92
FIRST_RPS, FIRST_FACTOR, FIRST_STEPS = 10.0, 1.6, 11
COARSE_FACTOR, COARSE_STEPS = 1.2, 10
ABOUT = (0.45, 0.65, 0.8, 0.9, 0.97, 1.03, 1.1, 1.18, 1.28, 1.42, 1.6, 1.8, 2.05, 2.4)
"""Of what is expected: close steps where a difference decides, and none at 1, for equals shall not fall apart."""
FINE_FACTOR, FINE_MARGIN, FINE_STEPS = 1.035, 1.06, 10
TOP_RPS, LEAST_RPS = 15_000.0, 14.0
_NARROW = 1.1
_S = 1_000_000_000


@dataclass(frozen=True, slots=True)
class StepSeen:
    """One step of a staircase. "invalid": it broke, and not for the service's sake."""

    rate_rps: float
    result: Held
    why: str = ""


@dataclass(frozen=True, slots=True)
class Stairs:
    """Held at `low_rps` (None: not even at the first step), not at `high_rps` (None: the staircase was too short).

    `limit`: why more than `low_rps` could not be told; empty where the service itself was the limit.
    """

    low_rps: float | None
    high_rps: float | None
    limit: str = ""

    @property
    def bounded(self) -> bool:
        return self.low_rps is not None and self.high_rps is not None

    @property
    def narrow(self) -> bool:
        return self.low_rps is not None and self.high_rps is not None and self.high_rps <= self.low_rps * _NARROW

    @property
    def middle_rps(self) -> float:
        """For bounded ones."""
        return math.sqrt((self.low_rps or 0.0) * (self.high_rps or 0.0))


def read_steps(record: TrialRecord) -> tuple[StepSeen, ...]:
    """The first level is the warm-up. A step that the record does not hold to its end is left out."""
    shape, zero_ns, baseline = record.trial.shape, record.load_started_ns, record.phase("baseline")
    if not isinstance(shape, Step) or zero_ns is None or baseline is None:
        return ()
    each_ns = round(shape.each_s * _S)
    found = []
    for index, rate_rps in enumerate(shape.levels_rps[1:], 1):
        span = Span(zero_ns + index * each_ns, zero_ns + (index + 1) * each_ns)
        if span.end_ns > baseline.end_ns:
            break
        found.append(_step(record, span, rate_rps))
    return tuple(found)


def _step(record: TrialRecord, span: Span, rate_rps: float) -> StepSeen:
    waited = _waited(record, span)
    harmless = (FOREIGN,) if waited is not None and waited < WAITED_CPUS else ()
    seen = holds_within(record, span, rate_rps, besides=harmless)
    if seen.result == "broke" and (shared := _used_up(record, span, waited)):
        return StepSeen(rate_rps, "invalid", f"{shared}, while {seen.why}")
    return StepSeen(rate_rps, seen.result, seen.why)


def _used_up(record: TrialRecord, span: Span, waited: float | None) -> str:
    """Whether the CPUs that the generator shares with the service were not enough for them."""
    cpus = record.trial.cpus
    if cpus is None or cpus.generator:
        return ""
    count = len(cpus.allowed)
    shared = f"load generator, workers and parts share {count} CPU{'s' if count > 1 else ''}"
    if waited is not None:
        return f"{shared}, and {waited:.1f} of their processes waited for one" if waited >= WAITED_CPUS else ""
    known = [seen.busy_share for seen in _samples(record, span) if seen.busy_share >= 0]
    if not known or fmean(known) < BUSY_SHARE:
        return ""
    return f"{shared}, with {1 - fmean(known):.0%} left"


def _waited(record: TrialRecord, span: Span) -> float | None:
    """How many of the run's processes were ready to run and had no CPU; None where the kernel does not tell."""
    known = [seen.waited_cpus for seen in _samples(record, span) if seen.waited_cpus >= 0]
    return fmean(known) if known else None


def _samples(record: TrialRecord, span: Span) -> list[MachineSampled]:
    return [seen for seen in record.of(MachineSampled) if span.touches(seen.sent_ns, seen.done_ns)]


def read_stairs(record: TrialRecord) -> Stairs:
    return climb(read_steps(record))


def climb(steps: Sequence[StepSeen]) -> Stairs:
    """How far up it held."""
    low: float | None = None
    for index, step in enumerate(steps):
        above = steps[index + 1 :]
        if step.result == "held":
            low = max(low or 0.0, step.rate_rps)
        elif not any(one.result == other.result == "held" for one, other in pairwise(above)):
            return _ended(low, step, above)
    return Stairs(low, None, "" if steps else "the trial did not come to its first step")


def _ended(low_rps: float | None, step: StepSeen, above: Sequence[StepSeen]) -> Stairs:
    """Where the machine spoilt the step, the next one may show the service's own limit."""
    if step.result == "invalid" and above and above[0].result == "broke":
        return Stairs(low_rps, above[0].rate_rps)
    return Stairs(low_rps, step.rate_rps, step.why if step.result == "invalid" else "")


def first_levels() -> tuple[float, ...]:
    """Where nothing is known yet: from far below to far above."""
    return _levels(FIRST_RPS, FIRST_FACTOR, FIRST_STEPS)


def next_levels(seen: Sequence[Stairs], expected_rps: float | None) -> tuple[float, ...]:
    """What to climb next with a configuration: coarse at first, about what others held; then within its own bracket."""
    last = seen[-1] if seen else None
    if last is None:
        return first_levels() if expected_rps is None else _about(expected_rps)
    if last.low_rps is None:
        far = 1.6 if any(each.bounded for each in seen) else 8.0
        return _levels((last.high_rps or FIRST_RPS) / far, COARSE_FACTOR, COARSE_STEPS + 2)
    if last.high_rps is None:
        return _levels(last.low_rps, COARSE_FACTOR, COARSE_STEPS)
    width = last.high_rps / last.low_rps * FINE_MARGIN**2
    factor = max(FINE_FACTOR, width ** (1 / FINE_STEPS))
    return _levels(last.low_rps / FINE_MARGIN, factor, math.ceil(math.log(width) / math.log(factor)) + 2)


def _about(expected_rps: float) -> tuple[float, ...]:
    levels = [float(f"{max(expected_rps * share, LEAST_RPS):.3g}") for share in ABOUT]
    return tuple(dict.fromkeys(min(level, TOP_RPS) for level in levels))


def _levels(start_rps: float, factor: float, count: int) -> tuple[float, ...]:
    start = max(start_rps, LEAST_RPS)
    levels = [float(f"{start * factor**number:.3g}") for number in range(count)]
    return tuple(dict.fromkeys(min(level, TOP_RPS) for level in levels))


def is_sharp(seen: Sequence[Stairs]) -> bool:
    """Others can be measured against it."""
    return is_settled(seen) and (not seen[-1].bounded or seen[-1].narrow)


def is_settled(seen: Sequence[Stairs]) -> bool:
    """There is a bracket, or nothing to find one with."""
    return bool(seen) and (seen[-1].bounded or _is_hopeless(seen) or _is_beyond(seen))


def _is_hopeless(seen: Sequence[Stairs]) -> bool:
    return len(seen) > 1 and all(each.low_rps is None for each in seen[-2:])


def _is_beyond(seen: Sequence[Stairs]) -> bool:
    return seen[-1].high_rps is None and (seen[-1].low_rps or 0.0) >= TOP_RPS


def scores(seen: Sequence[Stairs]) -> tuple[float, ...]:
    """One score for each bracket. A wide one says no more than that the score lies in it: there the narrow ones tell
    where. A configuration that holds nothing scores next to nothing."""
    bounded = [each for each in seen if each.bounded]
    if not bounded:
        top = max((each.low_rps or 0.0 for each in seen), default=0.0)
        return (top or 1e-3,) if is_settled(seen) else ()
    narrow = [each.middle_rps for each in bounded if each.narrow]
    if not narrow:
        return tuple(each.middle_rps for each in bounded)
    centre = float(np.exp(np.mean(np.log(narrow))))
    return tuple(each.middle_rps if each.narrow else _within(centre, each) for each in bounded)


def _within(value: float, bracket: Stairs) -> float:
    return min(max(value, bracket.low_rps or value), bracket.high_rps or value)


def limit_of(seen: Sequence[Stairs]) -> str:
    """Why its true score may be higher; empty where one climb at least ended at the service's own limit."""
    if any(each.bounded and not each.limit for each in seen):
        return ""
    ends = [each.limit for each in seen if each.limit]
    if not ends and seen and _is_beyond(seen):
        return "the generator cannot prove more"
    return ends[-1] if ends else ""
