"""Who sends which arrival where several engines share one load: a pure function of the arrival's number.

    epochs      [0: a b]                    [1200: b]        [1900: b c]
    arrival k   0 … 1199, k mod 2: a or b   1200 … 1899: b   1900 …, k mod 2: b or c

A border is the number of an arrival and not a moment, so that neither rounding nor clocks can have one sent twice. A
change lies in the near future: whoever is told in time sends exactly its part.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Epoch:
    """From arrival `first` on, arrival k belongs to `members[k mod n]`; to nobody where there is no member."""

    first: int
    members: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Epochs:
    """All of a load, in ascending order; the first one begins with arrival 0."""

    parts: tuple[Epoch, ...]

    def __post_init__(self) -> None:
        firsts = [epoch.first for epoch in self.parts]
        if firsts[:1] != [0] or any(later <= first for first, later in pairwise(firsts)):
            raise ValueError(f"epochs begin at arrival 0 and each later than the one before, not at {firsts}")
        for epoch in self.parts:
            if len(set(epoch.members)) != len(epoch.members):
                raise ValueError(f"the members of an epoch are different ones, not {epoch.members}")

    @classmethod
    def of(cls, members: Iterable[str]) -> Epochs:
        return cls((Epoch(0, tuple(members)),))

    @property
    def members(self) -> tuple[str, ...]:
        """Of the last epoch."""
        return self.parts[-1].members

    def changed(self, first: int, members: Sequence[str]) -> Epochs:
        """These members from arrival `first` on, or from the last border if that lies later: what was said holds."""
        first = max(first, self.parts[-1].first)
        kept = self.parts if self.parts[-1].first < first else self.parts[:-1]
        return Epochs((*kept, Epoch(first, tuple(members))))

    def at(self, k: int) -> tuple[str, ...]:
        """The members who share arrival k and its neighbours."""
        return next(epoch.members for epoch in reversed(self.parts) if epoch.first <= k)

    def owner(self, k: int) -> str | None:
        members = self.at(k)
        return members[k % len(members)] if members else None

    def share(self, member: str, first: int, last: int) -> NDArray[np.int64]:
        """The numbers from `first` to `last - 1` that are the member's, ascending."""
        found = [np.zeros(0, np.int64)]
        ends = [epoch.first for epoch in self.parts[1:]] + [last]
        for epoch, end in zip(self.parts, ends, strict=True):
            start, stop = max(epoch.first, first), min(end, last)
            if start < stop and member in epoch.members:
                step = len(epoch.members)
                found.append(
                    np.arange(start + (epoch.members.index(member) - start) % step, stop, step, dtype=np.int64)
                )
        return np.concatenate(found)

    def parting(self, other: Epochs) -> int:
        """Before this arrival both say the same; where they say the same of all, it is the last border."""
        borders = sorted({epoch.first for epoch in self.parts + other.parts})
        return next((border for border in borders if self.at(border) != other.at(border)), borders[-1])

    def to_list(self) -> list[dict[str, Any]]:
        return [{"first": epoch.first, "members": list(epoch.members)} for epoch in self.parts]

    @classmethod
    def from_list(cls, raw: Sequence[dict[str, Any]]) -> Epochs:
        return cls(tuple(Epoch(int(epoch["first"]), tuple(map(str, epoch["members"]))) for epoch in raw))
