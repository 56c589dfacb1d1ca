"""Does `compare` cry wolf, and does it see a real change? Real trials of one configuration, drawn into comparisons.

    ./shakedown run baseline --repeat 60 --set load.rate_rps=50 --out runs/a-a        (about 20 minutes)
    .venv/bin/python -m benchmarks.comparisons runs/a-a [--planted DIR] [--pairs 5] [--draws 2000]

Neighbours in time make a pair, as the blocks of a comparison do, in random order; some pairs are drawn into a
comparison, which the code of `compare` judges. Without a change every answer but "no difference seen" is a false alarm
(goal: at most 5 %). For the power each NEW value is raised by a fifth; with `--planted`, a second series of trials that
were really slower, NEW is drawn from there, the trial that came nearest in order (goal: found in at least 90 %). Each
share has its 95 % interval (Wilson), over the draws; trials of one machine and one hour are what they are drawn from.
"""

from __future__ import annotations

import argparse
import math
import random
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from harness.record import read_trial, trial_folders
from harness.tuning.metrics import METRICS, Metric, measure
from harness.tuning.paired import effect, judge

PLANTED = 1.2
Pair = tuple[float, float]


def values_of(run_dir: Path, metric: str) -> list[float]:
    records = [read_trial(folder) for folder in trial_folders(run_dir)]
    found = [measure(record) for record in records if record.whole]
    return [each[metric] for each in found if each.get(metric, 0) > 0]


def share(draw: Callable[[random.Random], Sequence[Pair]], metric: Metric, draws: int, wanted: set[str]) -> int:
    """In how many of the draws the answer is one of those."""
    hits = 0
    for seed in range(draws):
        pairs = draw(random.Random(seed))
        found = effect([base for base, _ in pairs], [new for _, new in pairs])
        hits += judge(found, metric.better) in wanted
    return hits


def wilson(hits: int, n: int) -> tuple[float, float]:
    z, p = 1.96, hits / n
    middle, reach = p + z * z / (2 * n), z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    return (middle - reach) / (1 + z * z / n), (middle + reach) / (1 + z * z / n)


def neighbours(values: Sequence[float]) -> list[Pair]:
    return list(zip(values[::2], values[1::2], strict=False))


def drawn(pairs: Sequence[Pair], count: int, factor: float) -> Callable[[random.Random], list[Pair]]:
    """Pairs without a change between them, turned at random; NEW is made so much larger."""

    def draw(rng: random.Random) -> list[Pair]:
        chosen = rng.sample(pairs, count)
        turned = [pair if rng.random() < 0.5 else pair[::-1] for pair in chosen]
        return [(base, new * factor) for base, new in turned]

    return draw


def matched(base: Sequence[float], new: Sequence[float], count: int) -> Callable[[random.Random], list[Pair]]:
    pairs = list(zip(base, new, strict=False))
    return lambda rng: rng.sample(pairs, count)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run_dir", type=Path)
    parser.add_argument("--planted", type=Path, help="a run of the same trials that were really slower")
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--draws", type=int, default=2000)
    asked = parser.parse_args()
    failed = False
    print(f"{'metric':<12} {'trials':>6}  {'false alarms':<26} {'+20 % found':<26}")
    for metric in METRICS:
        values = values_of(asked.run_dir, metric.name)
        pairs = neighbours(values)
        if len(pairs) < 2 * asked.pairs:
            print(f"{metric.name:<12} {len(values):>6}  too few")
            continue
        alarms = share(drawn(pairs, asked.pairs, 1.0), metric, asked.draws, {"better", "worse"})
        change = "worse" if metric.better == "lower" else "better"
        seen = share(drawn(pairs, asked.pairs, PLANTED), metric, asked.draws, {change})
        print(f"{metric.name:<12} {len(values):>6}  {told(alarms, asked.draws):<26} {told(seen, asked.draws):<26}")
        if metric.name == "p50_ms":
            failed = wilson(alarms, asked.draws)[0] > 0.05 or wilson(seen, asked.draws)[1] < 0.9
        if asked.planted and (slower := values_of(asked.planted, metric.name)):
            found = share(matched(values, slower, asked.pairs), metric, asked.draws, {change})
            print(f"{'':<12} {len(slower):>6}  {'really slower, found:':<26} {told(found, asked.draws):<26}")
    return 1 if failed else 0


def told(hits: int, n: int) -> str:
    low, high = wilson(hits, n)
    return f"{hits / n:.1%} ({low:.1%} to {high:.1%})"


if __name__ == "__main__":
    sys.exit(main())
