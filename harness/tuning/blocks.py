"""The order of trials that are to be compared: each block holds every configuration once, in random order.

A machine drifts: a configuration that always comes first, or whose trials stand together, is measured in another hour
than its rival. In randomised blocks the drift between blocks cancels, because only configurations of one block are
compared with each other (Fisher's randomised block design).
"""

from __future__ import annotations

import random
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Place:
    """One trial of the design: the block, counted from 0, and the number of the configuration."""

    block: int
    config: int


def randomised_blocks(configs: int, repeat: int, seed: int) -> tuple[Place, ...]:
    """`repeat` blocks of `configs` trials. The same seed gives the same order, and a longer design begins as a shorter.

    Raises ValueError for a design without a trial.
    """
    if configs < 1 or repeat < 1:
        raise ValueError("a design has at least one configuration and one block")
    places: list[Place] = []
    for block in range(repeat):
        order = list(range(configs))
        random.Random(f"{seed}/{block}").shuffle(order)
        places += [Place(block, config) for config in order]
    return tuple(places)
