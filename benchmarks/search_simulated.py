"""How many trials does the search for a worker count take, and what does its choice lose? Simulated deployments.

    .venv/bin/python -m benchmarks.search_simulated [--runs N]

Counts 1 to 12; one truth has a sharp knee at 2 cores, the other a smooth peak at 9 (Gunther's universal scalability
law). Each trial's score is the truth with Gaussian noise of 3 or 8 %, as seen between identical runs. Beside it the
grid: every count so often. Goal: at most a third of the trials of the grid × 3, mean regret at most 2 %.
"""

from __future__ import annotations

import argparse
import random
from collections.abc import Sequence
from statistics import fmean

from harness.tuning.smallest import Bounds, TryNumber, next_number

KNEE = [min(n, 2) * (1 - 0.02 * max(0, n - 2)) for n in range(1, 13)]
SMOOTH = [n / (1 + 0.03 * (n - 1) + 0.01 * n * (n - 1)) for n in range(1, 13)]


def measured(truth: Sequence[float], number: int, noise: float, rng: random.Random) -> float:
    return truth[number - 1] * (1 + rng.gauss(0, noise))


def searched(truth: Sequence[float], noise: float, rng: random.Random) -> tuple[int, int]:
    """The number chosen and the trials that it took."""
    scores: dict[int, list[float]] = {}
    while isinstance(step := next_number(scores, Bounds(1, len(truth))), TryNumber):
        scores.setdefault(step.number, []).append(measured(truth, step.number, noise, rng))
    return step.number, step.trials


def gridded(truth: Sequence[float], noise: float, repeat: int, rng: random.Random) -> tuple[int, int]:
    means = [fmean(measured(truth, number, noise, rng) for _ in range(repeat)) for number in range(1, len(truth) + 1)]
    return 1 + means.index(max(means)), repeat * len(truth)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=2000, help="searches for each line")
    runs = parser.parse_args().runs
    print(f"{'truth':<16}{'noise':>6}  {'policy':<10}{'trials':>7}{'most':>6}{'regret %':>10}{'worst 5 %':>11}")
    for name, truth in (("sharp knee", KNEE), ("smooth peak", SMOOTH)):
        for noise in (0.03, 0.08):
            for policy in ("search", "grid x 1", "grid x 3"):
                found = []
                for seed in range(runs):
                    rng = random.Random(seed)
                    repeat = int(policy[-1]) if policy != "search" else 0
                    found.append(gridded(truth, noise, repeat, rng) if repeat else searched(truth, noise, rng))
                regret = sorted(100 * (1 - truth[number - 1] / max(truth)) for number, _ in found)
                trials = [count for _, count in found]
                print(
                    f"{name:<16}{noise:>6.0%}  {policy:<10}{fmean(trials):>7.1f}{max(trials):>6}"
                    f"{fmean(regret):>10.2f}{regret[int(0.95 * len(regret))]:>11.2f}"
                )


if __name__ == "__main__":
    main()
