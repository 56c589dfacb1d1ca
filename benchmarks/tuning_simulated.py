"""How many trials does `tune` take for several levers at once, and what does its choice lose? Simulated deployments.

    .venv/bin/python -m benchmarks.tuning_simulated [--runs N]

Workers 1 to 4, pools of 2, 5, 10 or 20, limits of 5, 10, 20 or 40. A trial climbs a staircase; the rate that it holds
is the truth with Gaussian noise of 3 or 8 %, as seen between identical runs. One truth has a pool that is too small,
one a limit that is too low, one a knee at 2 workers. Goal: at most a third of the trials of the grid × 3, mean regret
at most 2 %.
"""

from __future__ import annotations

import argparse
import random
import sys
from collections.abc import Callable, Mapping
from itertools import product
from statistics import fmean

from harness.tuning.levers import Climbed, Config, Found, Lever, Measure, grid_trials, next_measure
from harness.tuning.staircase import Stairs, StepSeen, climb

LEVERS = (
    Lever("target.workers", "workers", (1, 2, 3, 4), 2),
    Lever("target.env.POOL_SIZE", "pool", (2, 5, 10, 20), 5),
    Lever("target.env.LIMIT", "limit", (5, 10, 20, 40), 20),
)
TRUTHS: Mapping[str, Callable[[Config], float]] = {
    "pool too small": lambda config: min(config[0] * config[1] * 20.0, config[0] * 400.0, 1200.0),
    "limit too low": lambda config: min(config[0] * config[2] * 8.0, config[0] * 350.0, 900.0),
    "knee at 2": lambda config: min(config[0], 2) * 300.0 * (1 - 0.02 * max(0, config[0] - 2)),
}
LEAST_SHARE, MOST_REGRET = 1 / 3, 0.02


def climbed(levels: tuple[float, ...], truth: float, noise: float, rng: random.Random) -> Stairs:
    today = truth * (1 + rng.gauss(0, noise))
    return climb([StepSeen(level, "held" if level < today else "broke") for level in levels])


def searched(truth: Callable[[Config], float], noise: float, rng: random.Random) -> Found:
    trials: list[Climbed] = []
    while isinstance(step := next_measure(LEVERS, trials), Measure):
        trials.append(Climbed(step.config, climbed(step.levels, truth(step.config), noise, rng)))
    return step


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=200, help="searches for each line")
    runs = parser.parse_args().runs
    grid = grid_trials(LEVERS)
    missed = False
    print(f"{'truth':<16}{'noise':>6}{'trials':>8}{'most':>6}  of {grid} {'regret %':>10}{'worst 5 %':>11}")
    for name, truth in TRUTHS.items():
        best = max(truth(config) for config in product(*(lever.values for lever in LEVERS)))
        for noise in (0.03, 0.08):
            found = [searched(truth, noise, random.Random(seed)) for seed in range(runs)]
            regret = sorted(1 - truth(each.config) / best for each in found)
            trials = [each.trials for each in found]
            missed |= fmean(trials) > LEAST_SHARE * grid or fmean(regret) > MOST_REGRET
            print(
                f"{name:<16}{noise:>6.0%}{fmean(trials):>8.1f}{max(trials):>6}  {fmean(trials) / grid:>6.0%}"
                f"{100 * fmean(regret):>10.2f}{100 * regret[int(0.95 * len(regret))]:>11.2f}"
            )
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
