"""A tuning from its first trial to its last word: which trial comes next, and what all of them say together.

    search ─▶ the scenarios ─▶ timeouts ─▶ the scenarios with them ─▶ blocks of recommended and present

Pure over what the trials showed. The same trials always give the same answer: the report tells it anew from the record.
When the search and the blocks end is a question of time, which the caller answers; it can be seen from the trials.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import fmean

from harness.model.target import Scalar
from harness.model.verdict import Outcome
from harness.tuning.asked import CLIMB, PAIR, Asked, Hardship, Seen, short
from harness.tuning.blocks import randomised_blocks
from harness.tuning.effects import COMMON_SHARE, Paired, effects, paired_levels
from harness.tuning.levers import Climbed, Config, Found, Lever, Measure, Moved, grid_trials, next_measure
from harness.tuning.recommendation import Effect, Recommendation, Setting, Withdrawn
from harness.tuning.staircase import Stairs, limit_of, scores
from harness.tuning.timeouts import Derived
from harness.tuning.timeouts.from_trials import NOT_YET, derive_from, settable
from harness.tuning.tuned_words import joined, reason, untested_of
from harness.tuning.verifying import RunScenario, Survived, Verified, next_scenario

STARTS = "starts"
Settings = tuple[tuple[str, Scalar], ...]
_NONE_MORE: Settings = ()
_NOTHING = Survived((), (), {})


@dataclass(frozen=True, slots=True)
class Climb:
    config: Config
    levels: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Survive:
    """`more` are timeouts that are set beside, by full key; so in `Pair`. `block` is the round."""

    scenario: str
    config: Config
    more: Settings
    block: int


@dataclass(frozen=True, slots=True)
class Pair:
    config: Config
    more: Settings
    levels: tuple[float, ...]
    block: int


Next = Climb | Survive | Pair


@dataclass(frozen=True, slots=True)
class Tuned:
    """The last word. `config` is what is recommended, `before` what is there now; `more` are the timeouts that were run
    with it, `timeouts` all that were derived."""

    found: Found
    survived: Survived
    effects: tuple[Effect, ...]
    config: Config
    before: Config
    low_rps: float | None
    high_rps: float | None
    more: Settings
    timeouts: Derived | None
    recommendation: Recommendation
    untested: tuple[tuple[str, str], ...]
    broken: str = ""
    starts: bool = True

    @property
    def strongest(self) -> Moved | None:
        """The lever to name: one that was withdrawn is none, nor one whose score at present is a lower bound only."""
        back = {each.key for each in self.survived.taken_back}
        moves = [each for each in self.found.moves if each.lever.key not in back and each.before not in each.limits]
        return replace(self.found, moves=tuple(moves)).strongest

    @property
    def outcome(self) -> Outcome:
        """Inconclusive where a choice hangs on what could not be told; what is the app's own is told, not judged."""
        if not self.starts:
            return "fail"
        return "inconclusive" if self.broken or self.found.hangs else "pass"


def next_trial(asked: Asked, seen: Sequence[Seen], *, search: bool, blocks: int) -> Next | Tuned:
    """`search`: there is time to search on. `blocks`: how many blocks of two there are to be."""
    return _Story(asked, seen).next(search, blocks)


def tell(asked: Asked, seen: Sequence[Seen]) -> Tuned:
    """What the trials say, though they may have been cut off."""
    story = _Story(asked, seen)
    return story.tell()


class _Story:
    def __init__(self, asked: Asked, seen: Sequence[Seen]) -> None:
        self._asked, self._seen = asked, seen
        self._before: Config = tuple(lever.before for lever in asked.levers)
        self._derived: dict[Config, Derived | None] = {}
        self._climbed = [Climbed(self._config(each), each.stairs) for each in seen if each.scenario == CLIMB]

    def next(self, search: bool, blocks: int) -> Next | Tuned:
        if not self._starts:
            return self.tell()
        step = self._search(search)
        if isinstance(step, Measure):
            return Climb(step.config, step.levels)
        if self._broken(step):
            return self.tell()
        survived = self._verify(step)
        if isinstance(survived, RunScenario):
            return Survive(survived.scenario, self._without(step.config, survived.without), _NONE_MORE, 0)
        config = self._left(step, survived)
        lasted = self._outlast(config)
        if isinstance(lasted, RunScenario):
            return Survive(lasted.scenario, config, self._more(config, lasted.without), 1)
        more = self._more(config, frozenset(each.key for each in lasted.taken_back))
        return self._pair(config, more, blocks) or self.tell()

    def tell(self) -> Tuned:
        found = self._search(on=False)
        assert isinstance(found, Found)
        survived = self._verify(found)
        first = survived if isinstance(survived, Survived) else _NOTHING
        config = self._left(found, first)
        lasted = self._outlast(config) if isinstance(survived, Survived) else survived
        second = lasted if isinstance(lasted, Survived) else _NOTHING
        cut = isinstance(lasted, RunScenario)
        known = _both(first, second)
        broken = self._broken(found) or ("it was cut off before its settings were verified" if cut else "")
        more = self._more(config, frozenset(each.key for each in second.taken_back)) if second.outcomes else _NONE_MORE
        seen = self._effects(config, more)
        low, high = self._bracket(config)
        recommendation = self._recommend(found, known, config, more, seen, cut)
        fitting = self._fitting(found.config)
        few = [
            (each.name, f"it needs {each.min_workers} workers") for each in self._asked.scenarios if each not in fitting
        ]
        untested = (*self._asked.untested, *few)
        told = (more, self._timeouts(config), recommendation, untested, broken, self._starts)
        return Tuned(found, known, seen, config, self._before, low, high, *told)

    # ── the three stages

    def _search(self, on: bool) -> Measure | Found:
        return next_measure(self._asked.levers, self._climbed, repeat=self._asked.repeat, go_on=on)

    def _broken(self, found: Found) -> str:
        """Why there is nothing to tune; empty where there is."""
        if not self._starts:
            return "the service did not start with its present settings"
        if not self._climbed:
            return "it was cut off before its first trial was over"
        mine = self._stairs(self._before)
        if not any(each.low_rps for each in mine):
            return "the present configuration held its objectives at no rate that was tried"
        return ""

    @property
    def _starts(self) -> bool:
        """With the present settings, which come first. Others that do not start just score nothing."""
        said = self._seen[0].verdict.verdicts if self._seen else ()
        return not any(each.check == STARTS and each.verdict == "fail" for each in said)

    def _verify(self, found: Found) -> RunScenario | Survived:
        ran = [Verified(each.scenario, self._unlike(each, found.config), each.verdict) for each in self._hardships(0)]
        changed = [lever.key for lever, now in self._changed(found.config)]
        kinds = {lever.key: lever.kind for lever in self._asked.levers}
        return next_scenario(changed, [each.name for each in self._fitting(found.config)], ran, kinds)

    def _fitting(self, config: Config) -> list[Hardship]:
        """Those for which both configurations have workers enough."""
        least = min(self._workers(self._before), self._workers(config))
        return [each for each in self._asked.scenarios if each.min_workers <= least]

    def _workers(self, config: Config) -> int:
        pairs = zip(self._asked.levers, config, strict=True)
        return next((now for lever, now in pairs if lever.kind == "workers"), 1)

    def _outlast(self, config: Config) -> RunScenario | Survived:
        """The scenarios once more, with timeouts; without any of them is what the first round was."""
        keys = [key for key, _ in self._more(config, frozenset())]
        if not keys or not self._fitting(config):
            return _NOTHING
        ran = [Verified(each.scenario, frozenset(keys), each.verdict) for each in self._hardships(0, config)]
        for each in self._hardships(1, config):
            left = frozenset(key for key, value in self._more(config, frozenset()) if not _has(each, key, value))
            ran.append(Verified(each.scenario, left, each.verdict))
        return next_scenario(keys, [each.name for each in self._fitting(config)], ran)

    def _hardships(self, block: int, config: Config | None = None) -> list[Seen]:
        mine = [each for each in self._seen if each.scenario not in (CLIMB, PAIR) and each.block == block]
        return [each for each in mine if config is None or self._config(each) == config]

    def _timeouts(self, config: Config) -> Derived | None:
        """From the first round, in which none of them was set."""
        if config not in self._derived:
            shown = [(each.record, each.verdict) for each in self._hardships(0, config) if each.record is not None]
            found = derive_from(shown, self._asked.table, self._asked.variables) if shown else None
            self._derived[config] = found
        return self._derived[config]

    def _more(self, config: Config, without: frozenset[str]) -> Settings:
        """Those that differ from what is there, and that a trial can be run with; what was searched is none of them."""
        found = self._timeouts(config)
        searched = {*without, *(lever.key for lever in self._asked.levers)}
        mine = settable(found.settings) if found is not None else []
        return tuple((each.key, each.value) for each in mine if each.changed and each.key not in searched)

    def _pair(self, config: Config, more: Settings, blocks: int) -> Pair | None:
        sides = ((self._before, _NONE_MORE), (config, more))
        if sides[0] == sides[1]:
            return None
        low = [_held_rps(self._stairs(side)) for side, _ in sides]
        done = sum(each.scenario == PAIR for each in self._seen)
        if done >= 2 * blocks or min(low) <= 0:
            return None
        place = randomised_blocks(2, blocks, self._asked.seed)[done]
        side, extra = sides[place.config]
        return Pair(side, extra, paired_levels(self._stairs(side), min(low) * COMMON_SHARE), place.block)

    def _effects(self, config: Config, more: Settings) -> tuple[Effect, ...]:
        if config == self._before and not more:
            return ()
        mine = [each for each in self._seen if each.scenario == PAIR]
        new = [self._config(each) == config and all(_has(each, *setting) for setting in more) for each in mine]
        return effects([Paired(each.block, side, each.values) for each, side in zip(mine, new, strict=True)])

    # ── the last word

    def _recommend(
        self, found: Found, survived: Survived, config: Config, more: Settings, seen: Sequence[Effect], cut: bool
    ) -> Recommendation:
        back = {each.key: each for each in survived.taken_back}
        changed = len(self._changed(config)) + len(more)
        note = untested_of(seen, changed, bool(survived.outcomes), cut)
        effect = seen[0] if seen and changed == 1 else None
        tried = [
            Setting(move.lever.key, move.lever.before, move.after, reason(move), effect, joined(move.hangs, note))
            for move in found.moves
        ]
        derived = self._timeouts(config)
        applied = [
            replace(each, effect=effect, untested=joined(each.untested.removesuffix(NOT_YET).strip(), note))
            for each in (derived.settings if derived is not None else ())
            if each.key in dict(more) or each.key in back
        ]
        withdrawn = [
            Withdrawn(replace(each, effect=None, untested=""), taken.scenario, taken.check, taken.why)
            for each in (*tried, *applied)
            if (taken := back.get(each.key)) is not None
        ]
        settings = tuple(each for each in (*tried, *applied) if each.key not in back)
        return Recommendation(settings, tuple(withdrawn), len(self._seen), grid_trials(self._asked.levers))

    # ── small helpers

    def _config(self, seen: Seen) -> Config:
        return tuple(int(seen.config[short(lever.key)]) for lever in self._asked.levers)

    def _stairs(self, config: Config) -> list[Stairs]:
        return [each.stairs for each in self._climbed if each.config == config]

    def _bracket(self, config: Config) -> tuple[float | None, float | None]:
        """What it holds and what not; a machine at its own limit says nothing of the latter."""
        mine = [each for each in self._stairs(config) if each.bounded]
        if not mine:
            return None, None
        return mine[-1].low_rps, None if limit_of(mine) else mine[-1].high_rps

    def _changed(self, config: Config) -> list[tuple[Lever, int]]:
        pairs = zip(self._asked.levers, config, strict=True)
        return [(lever, now) for lever, now in pairs if now != lever.before]

    def _unlike(self, seen: Seen, config: Config) -> frozenset[str]:
        """Which of the changed settings this trial had as they are now."""
        own = dict(zip((lever.key for lever in self._asked.levers), self._config(seen), strict=True))
        return frozenset(lever.key for lever, now in self._changed(config) if own[lever.key] != now)

    def _without(self, config: Config, keys: frozenset[str]) -> Config:
        pairs = zip(self._asked.levers, config, strict=True)
        return tuple(lever.before if lever.key in keys else now for lever, now in pairs)

    def _left(self, found: Found, survived: Survived) -> Config:
        return self._without(found.config, frozenset(each.key for each in survived.taken_back))


def _held_rps(seen: Sequence[Stairs]) -> float:
    """The score; where the search was over before there was one, what it held at least."""
    return fmean(scores(seen) or (max((each.low_rps or 0.0 for each in seen), default=0.0),))


def _has(seen: Seen, key: str, value: Scalar) -> bool:
    return seen.config.get(short(key)) == value


def _both(first: Survived, second: Survived) -> Survived:
    """What the second round says of a scenario counts, where there was one."""
    return Survived(
        (*first.taken_back, *second.taken_back),
        second.own if second.outcomes else first.own,
        second.outcomes or first.outcomes,
    )
