"""Which configuration to measure next, and which lever moved the score: workers first, then each further knob.

    current ─▶ workers: 1 2 4 … ─▶ pool: smallest to largest ─▶ limit ─▶ those before the last that moved, once more
            ─▶ more workers with less of a knob, and the other way round

Each lever is searched by `next_number` while the others stay where they are: the smallest value that is as good as the
best is taken. A lever found before another one moved may have made up for it (workers for a pool that was too small),
so it is searched a second time. In the end workers and each knob are traded for each other (trades.py).

Where a configuration that is not chosen could only be told to hold "at least" so much, the choice hangs on what this
machine cannot tell, and says so. The present value is left only for one that was seen to be better, or that is as good
and smaller where both scores are proven: what cannot be told from it is no change.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from math import prod
from statistics import fmean
from typing import Literal

from harness.tuning.smallest import Bounds, Chosen, TryNumber, next_number
from harness.tuning.staircase import Stairs, is_sharp, limit_of, next_levels, scores
from harness.tuning.trades import traded

Kind = Literal["workers", "pool", "limit", "timeout"]
Config = tuple[int, ...]
"""The value of each lever, in the order of the levers."""

GRID_REPEAT = 3
TOLERANCE = 0.03
NAMED = 1.1
TRADED = 1.05
"""What a trade must bring: beyond the grain of two staircases, for it moves two settings at once."""
_PASSES = 2


@dataclass(frozen=True, slots=True)
class Lever:
    """`values` from the smallest to the largest, `before` among them: what the target has now."""

    key: str
    kind: Kind
    values: tuple[int, ...]
    before: int

    def __post_init__(self) -> None:
        if self.before not in self.values or list(self.values) != sorted(set(self.values)):
            raise ValueError(f"{self.key}: values are in order, each once, with the present one among them")


@dataclass(frozen=True, slots=True)
class Climbed:
    """One trial of the search."""

    config: Config
    stairs: Stairs


@dataclass(frozen=True, slots=True)
class Measure:
    config: Config
    levels: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Moved:
    """What one lever did: the score at each value that was tried, the others as they then were.

    `hangs`: why another choice may be right, where this machine (or, `unfinished`, the time) did not suffice to tell.
    `rival`: what would have been taken, had it been told from the value that was kept.
    `traded`: the lever that moved against this one in the end; the score at `after` is that of both.
    """

    lever: Lever
    before: int
    after: int
    tried: Mapping[int, float]
    limits: Mapping[int, str] = field(default_factory=dict)
    hangs: str = ""
    unfinished: bool = False
    rival: int | None = None
    traded: str = ""

    @property
    def ratio(self) -> float:
        """Score at the value chosen over that at the value before; 1 where that was not tried."""
        if self.before not in self.tried or self.after not in self.tried:
            return 1.0
        return self.tried[self.after] / self.tried[self.before]


@dataclass(frozen=True, slots=True)
class Found:
    """`moves` in the order of the search, a lever that was searched again with its last word."""

    config: Config
    moves: tuple[Moved, ...]
    trials: int

    @property
    def strongest(self) -> Moved | None:
        """The lever that moved the score most; None where none moved it by more than two trials differ by chance."""
        most = max(self.moves, key=lambda move: move.ratio, default=None)
        return most if most is not None and most.after != most.before and most.ratio > NAMED else None

    @property
    def hangs(self) -> str:
        """What the machine could not tell comes before what there was no time for."""
        hanging = sorted((move for move in self.moves if move.hangs), key=lambda move: move.unfinished)
        return next((f"{move.lever.key.removeprefix('target.')}: {move.hangs}" for move in hanging), "")

    @property
    def unfinished(self) -> bool:
        """All that hangs hangs on the time."""
        return all(move.unfinished for move in self.moves if move.hangs)


def grid_trials(levers: Sequence[Lever]) -> int:
    """What every combination would take, each three times."""
    return GRID_REPEAT * prod(len(lever.values) for lever in levers)


def next_measure(
    levers: Sequence[Lever], climbed: Sequence[Climbed], *, repeat: int = 2, go_on: bool = True
) -> Measure | Found:
    """Pure. With `go_on` False it is answered from what is there."""
    search = _Search(levers, climbed, repeat, go_on)
    return search.run()


class _Search:
    """One replay of the search over the trials so far."""

    def __init__(self, levers: Sequence[Lever], climbed: Sequence[Climbed], repeat: int, go_on: bool) -> None:
        self._levers, self._repeat, self._go_on = levers, repeat, go_on
        self._trials = len(climbed)
        self._seen: dict[Config, list[Stairs]] = {}
        for each in climbed:
            self._seen.setdefault(each.config, []).append(each.stairs)
        self._here: Config = tuple(lever.before for lever in levers)

    def run(self) -> Measure | Found:
        if self._go_on and not is_sharp(self._seen.get(self._here, ())):
            return self._measure(self._here)
        moves: dict[str, Moved] = {}
        moved_last = -1
        for number in range(_PASSES):
            for index, lever in enumerate(self._levers):
                if number and index >= moved_last:
                    break
                found = self._search(index)
                if isinstance(found, Measure):
                    return found
                if found.after != found.before:
                    moved_last = index
                self._here = self._with(index, found.after)
                moves[lever.key] = _joined(moves.get(lever.key), found)
        if (measure := self._trade(moves)) is not None:
            return measure
        return Found(self._here, tuple(moves.values()), self._trials)

    def _trade(self, moves: dict[str, Moved]) -> Measure | None:
        """Each trade taken holds more than what was left for it, so there is an end."""
        values = [lever.values for lever in self._levers]
        before: Config | None = None
        while before != self._here and self._is_proven(self._here):
            before = self._here
            for index, config in traded(values, self._here):
                open_one = next((each for each in (config, self._here) if self._may_decide(each, config)), None)
                if open_one is not None and self._go_on:
                    return self._measure(open_one)
                if open_one is not None:
                    knob = self._levers[index].key
                    moves[knob] = _cut(moves[knob])
                elif self._gain(config) > TRADED:
                    self._take(moves, index, config)
                    break
        return None

    def _may_decide(self, config: Config, candidate: Config) -> bool:
        """Whether to measure one of the two sides again; a candidate that does not look better is not."""
        if not scores(self._seen.get(candidate, ())):
            return config == candidate
        return self._gain(candidate) > 1 and self._rare(config)

    def _gain(self, config: Config) -> float:
        return fmean(scores(self._seen[config])) / fmean(scores(self._seen[self._here]))

    def _is_proven(self, config: Config) -> bool:
        """Only against a score that is no lower bound can another one be told to hold more."""
        seen = self._seen.get(config, ())
        return bool(scores(seen)) and not limit_of(seen)

    def _take(self, moves: dict[str, Moved], index: int, config: Config) -> None:
        score, limit = fmean(scores(self._seen[config])), limit_of(self._seen[config])
        for one, other in ((0, index), (index, 0)):
            key, after = self._levers[one].key, config[one]
            last = moves[key]
            limits = {value: why for value, why in {**last.limits, after: limit}.items() if why}
            hangs = _over(after, None) if last.unfinished else _hangs(after, None, limits)
            moves[key] = Moved(
                last.lever,
                last.before,
                after,
                {**last.tried, after: score},
                limits,
                hangs,
                last.unfinished,
                traded=self._levers[other].key,
            )
        self._here = config

    def _search(self, index: int) -> Measure | Moved:
        lever = self._levers[index]
        configs = {value: self._with(index, value) for value in lever.values}
        found = {value: seen for value, config in configs.items() if (seen := scores(self._seen.get(config, ())))}
        step = self._step(lever, {i: found[value] for i, value in enumerate(lever.values, 1) if value in found})
        if isinstance(step, TryNumber) and self._go_on:
            return self._measure(configs[lever.values[step.number - 1]])
        means = {value: fmean(each) for value, each in found.items()}
        limits = {value: limit for value in found if (limit := limit_of(self._seen[configs[value]]))}
        if isinstance(step, TryNumber):
            means.update({v: low for v, c in configs.items() if v not in means and (low := self._least(c)) is not None})
            short = means.keys() - found.keys()
            return self._moved(index, _best_of(means, self._here[index]), means, limits, short, unfinished=True)
        moved = self._moved(index, lever.values[step.number - 1], means, limits)
        doubtful = [value for value in limits if value != moved.after or moved.rival is not None]
        again = next((configs[value] for value in doubtful if self._rare(configs[value])), None)
        if again is not None and self._go_on:
            return self._measure(again)
        return moved

    def _moved(
        self,
        index: int,
        wanted: int,
        means: Mapping[int, float],
        limits: Mapping[int, str],
        short: Set[int] = frozenset(),
        unfinished: bool = False,
    ) -> Moved:
        """`short`: values whose staircase was too short to end, so that their score is a lower bound as well."""
        lever, here = self._levers[index], self._here[index]
        present = lever.before if lever.before in means else here
        after = told_from(present, wanted, means, limits.keys() | short)
        rival = wanted if after == present != wanted else None
        hangs = _over(after, rival) if unfinished else _hangs(after, rival, limits)
        return Moved(lever, here, after, means, limits, hangs, unfinished, rival)

    def _least(self, config: Config) -> float | None:
        """What a configuration held whose last staircase was too short to end."""
        return max((each.low_rps for each in self._seen.get(config, ()) if each.low_rps is not None), default=None)

    def _rare(self, config: Config) -> bool:
        """Once may have been a bad moment of the machine."""
        return len(self._seen[config]) < self._repeat

    def _step(self, lever: Lever, numbered: Mapping[int, Sequence[float]]) -> TryNumber | Chosen:
        return next_number(numbered, Bounds(1, len(lever.values), self._repeat, TOLERANCE))

    def _measure(self, config: Config) -> Measure:
        mine = self._seen.get(config, [])
        return Measure(config, next_levels(mine, self._expected()))

    def _expected(self) -> float | None:
        """What the configuration of now holds, or the best so far."""
        here = scores(self._seen.get(self._here, ()))
        if here:
            return fmean(here)
        return max((fmean(s) for stairs in self._seen.values() if (s := scores(stairs))), default=None)

    def _with(self, index: int, value: int) -> Config:
        return (*self._here[:index], value, *self._here[index + 1 :])


def _best_of(means: Mapping[int, float], here: int) -> int:
    """Of what was tried."""
    if not means:
        return here
    return min(value for value, mean in means.items() if mean >= max(means.values()) * (1 - TOLERANCE))


def told_from(present: int, wanted: int, means: Mapping[int, float], unproven: Set[int]) -> int:
    """`wanted` where it was told from the present value; else the best of what was, or the present value itself.

    Of what is `unproven` the score is a lower bound. A present value of which no more is known may be as good as any;
    another one is better where its lower bound is, by more than noise.
    """
    if present not in means or present in unproven:
        return present
    least = means[present] * (1 + TOLERANCE)
    told = {value: mean for value, mean in means.items() if value not in unproven or mean > least}
    return wanted if wanted in told else _best_of(told, present)


def _cut(move: Moved) -> Moved:
    return (
        move
        if move.hangs
        else replace(move, hangs="the time was over before it was traded for workers", unfinished=True)
    )


def _over(after: int, rival: int | None) -> str:
    kept = f"kept at {after}, for {rival} was not told from it; " if rival is not None else ""
    return f"{kept}the time was over before it was searched out"


def _hangs(after: int, rival: int | None, limits: Mapping[int, str]) -> str:
    """A value that was not taken and may be better than was seen, or one that was kept for nobody knows better."""
    kept = f"kept at {after}: this machine cannot tell {rival} from {after}; " if rival is not None else ""
    open_ones = [value for value in limits if value != after or rival is not None]
    if not open_ones:
        return ""
    which = ", ".join(str(value) for value in sorted(open_ones))
    return f"{kept}what {which} would hold cannot be told here, at least as much as was seen: {limits[open_ones[-1]]}"


def _joined(before: Moved | None, now: Moved) -> Moved:
    """Of a lever that was searched twice the last word counts, from where it stood at first."""
    return now if before is None else replace(now, before=before.before)
