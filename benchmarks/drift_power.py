"""What does the search for drift see, and how often is it wrong? Nights that are made up, with noise that is measured.

    .venv/bin/python -m benchmarks.drift_power [--nights 30] [--age 5] [--draws 1000] [--state FILE]

Needs ruptures, the extra `drift`. Each draw is a row of nights around one level; the last ones, so many as `--age`
says, are higher by 0, 20 or 50 %. The noise is normal, with a spread of 5 or 17 % (a quiet machine, and what was seen
between identical runs on a shared one), and, where the series of benchmarks/comparisons.py is there, that of its real
runs, drawn with repetition. A change counts as found within two nights of its place. Real nights differ by more than
runs of one hour do, and not by chance alone, so real false alarms are more.
"""

from __future__ import annotations

import argparse
import math
import random
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median

from benchmarks.comparisons import STATE, read_state
from harness.tuning.drift import MISSING, Segment, find_drift, load_segment

NEAR = 2
STEPS = (0.2, 0.5)
Noise = Callable[[random.Random], float]


def normal(spread: float) -> Noise:
    sigma = math.sqrt(math.log1p(spread**2))
    return lambda rng: rng.gauss(0, sigma)


def measured(path: Path) -> tuple[Noise, int] | None:
    """The logarithms of the medians of real equal runs, around their own median."""
    values = [each.values["p50_ms"] for each in read_state(path) if each.sound and not each.planted]
    if len(values) < 20:
        return None
    middle = median(values)
    logs = [math.log(value / middle) for value in values]
    return (lambda rng: rng.choice(logs)), len(logs)


def row(noise: Noise, nights: int, age: int, step: float, rng: random.Random) -> list[float]:
    return [10 * math.exp(noise(rng)) * (1 + step if night >= nights - age else 1) for night in range(nights)]


def share(rows: Sequence[Sequence[float]], segment: Segment, place: int | None) -> float:
    """In how many rows a change is seen: anywhere, or near a place."""
    hits = 0
    for values in rows:
        changes = find_drift(values, segment).changes
        hits += any(place is None or abs(change.at - place) <= NEAR for change in changes)
    return hits / len(rows)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--nights", type=int, default=30)
    parser.add_argument("--age", type=int, default=5, help="nights since the change")
    parser.add_argument("--draws", type=int, default=1000)
    parser.add_argument("--state", type=Path, default=STATE)
    asked = parser.parse_args()
    segment = load_segment()
    if segment is None:
        print(MISSING)
        return 2
    noises: dict[str, Noise] = {f"normal, {spread:.0%}": normal(spread) for spread in (0.05, 0.17)}
    if (found := measured(asked.state)) is not None:
        noises[f"{found[1]} real runs"] = found[0]
    print(f"{asked.nights} nights, a change {asked.age} nights old, {asked.draws} draws")
    print(f"{'noise':<16}{'false alarms':>13}" + "".join(f"{f'+{step:.0%} found':>13}" for step in STEPS))
    for name, noise in noises.items():
        shares = []
        for step in (0.0, *STEPS):
            rng = random.Random(f"{name}/{step}")
            rows = [row(noise, asked.nights, asked.age, step, rng) for _ in range(asked.draws)]
            shares.append(share(rows, segment, asked.nights - asked.age if step else None))
        print(f"{name:<16}{shares[0]:>13.1%}" + "".join(f"{each:>13.1%}" for each in shares[1:]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
