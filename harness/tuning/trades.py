"""Workers for connections: the neighbours of a configuration that have about as much of a knob in all.

A knob counts for each worker, so a database that is the slower the more connections it has sees workers × pool. With a
large pool few workers are best and with few workers a large pool: moved one at a time, neither leaves that hill, though
more workers with smaller pools may hold more. So both are moved at once, against each other.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence


def traded(values: Sequence[Sequence[int]], here: Sequence[int]) -> Iterator[tuple[int, tuple[int, ...]]]:
    """Each knob's place with a configuration that has its next value, down or up, and workers to match.

    `values` are those of each lever, that of the workers first.
    """
    for index in range(1, len(values)):
        at = values[index].index(here[index])
        for other in values[index][max(at - 1, 0) : at + 2]:
            workers = _nearest(values[0], here[0] * here[index] / other)
            if other != here[index] and workers != here[0]:
                yield index, (workers, *here[1:index], other, *here[index + 1 :])


def _nearest(values: Sequence[int], wanted: float) -> int:
    return min(values, key=lambda value: abs(math.log(value / wanted)))
