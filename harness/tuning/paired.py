"""Is NEW better or worse than BASE? Paired by block, on one value for each trial.

A trial, a fresh start of the service, is the unit that repeats. Requests within a trial are not independent: a test
over pooled requests is sure of differences that are not there. So each block gives one log-ratio, new over base, and a
t interval over the blocks tells how sure it is.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

Finding = Literal["better", "worse", "no difference seen"]
Better = Literal["lower", "higher"]

CONFIDENCE = 0.95
POWER = 0.9
MINIMAL_EFFECT = 0.05


@dataclass(frozen=True, slots=True)
class Effect:
    """NEW over BASE as a ratio (1.2: 20 % more), its interval, and how likely chance alone would show as much.

    `smallest_visible` is the ratio, above 1, that this design would have found nine times in ten, given the spread of
    its blocks.
    """

    blocks: int
    ratio: float
    low: float
    high: float
    p: float
    smallest_visible: float


def effect(base: Sequence[float], new: Sequence[float], confidence: float = CONFIDENCE) -> Effect:
    """Of values in the order of their blocks; a pair is of the same block.

    Raises ValueError when there are fewer than two pairs or a value is not above 0.
    """
    if len(base) != len(new) or len(base) < 2:
        raise ValueError("a comparison takes two or more blocks, each with a value of both")
    if not all(math.isfinite(value) and value > 0 for value in (*base, *new)):
        raise ValueError("ratios are taken of finite values above 0")
    logs = [math.log(after / before) for before, after in zip(base, new, strict=True)]
    n = len(logs)
    mean = math.fsum(logs) / n
    error = math.sqrt(math.fsum((x - mean) ** 2 for x in logs) / (n - 1) / n)
    from scipy.special import stdtrit  # a fifth of a second, which only comparisons shall wait for

    reach = float(stdtrit(n - 1, (1 + confidence) / 2))
    seen = reach + float(stdtrit(n - 1, POWER))
    return Effect(
        blocks=n,
        ratio=math.exp(mean),
        low=math.exp(mean - reach * error),
        high=math.exp(mean + reach * error),
        p=_p(mean, error, n - 1),
        smallest_visible=math.exp(seen * error),
    )


def _p(mean: float, error: float, freedom: int) -> float:
    """Two-sided. Blocks that agree to the last digit leave no room for chance, unless they show nothing."""
    if error == 0:
        return 1.0 if mean == 0 else 0.0
    from scipy.special import stdtr

    return float(2 * stdtr(freedom, -abs(mean) / error))


def judge(found: Effect, better: Better, minimal: float = MINIMAL_EFFECT) -> Finding:
    """A difference is one when its interval leaves out 1 and it is large enough to matter."""
    matters = abs(math.log(found.ratio)) > math.log1p(minimal)
    if found.low <= 1 <= found.high or not matters:
        return "no difference seen"
    grew = found.ratio > 1
    return "better" if grew == (better == "higher") else "worse"


def holm(p_values: Mapping[str, float], alpha: float = 1 - CONFIDENCE) -> frozenset[str]:
    """The names that stay significant when many metrics are looked at.

    Holm, "A simple sequentially rejective multiple test procedure", Scand. J. Statistics 6 (1979): the k-th smallest of
    m values is held against alpha / (m − k + 1), until one fails.
    """
    kept: set[str] = set()
    for rank, name in enumerate(sorted(p_values, key=lambda name: (p_values[name], name))):
        if p_values[name] > alpha / (len(p_values) - rank):
            break
        kept.add(name)
    return frozenset(kept)
