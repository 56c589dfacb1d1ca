"""A tuning from its first trial to its last word: which trial comes next, and what all of them say together.

    search ─▶ verify with the scenarios ─▶ blocks of recommended and present ─▶ recommendation

Pure over what the trials showed. The same trials always give the same answer: the report tells it anew from the record.
When the search and the blocks end is a question of time, which the caller answers; it can be seen from the trials.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import fmean

from harness.model.record import TrialRecord
from harness.model.target import Scalar
from harness.model.verdict import Outcome, TrialVerdict
from harness.tuning.blocks import randomised_blocks
from harness.tuning.effects import COMMON_SHARE, Paired, effects, paired_levels, read_paired
from harness.tuning.levers import TOLERANCE, Climbed, Config, Found, Lever, Measure, Moved, grid_trials, next_measure
from harness.tuning.recommendation import Effect, Recommendation, Setting, Withdrawn
from harness.tuning.staircase import Stairs, read_stairs, scores
from harness.tuning.verifying import RunScenario, Survived, Verified, next_scenario

CLIMB, PAIR = "climb", "climb-paired"
"""The scenarios of the search and of the blocks, as the plan names them."""
STARTS = "starts"
_NO_STAIRS = Stairs(None, None)


@dataclass(frozen=True, slots=True)
class Hardship:
    """A scenario that must be survived."""

    name: str
    min_workers: int = 1


@dataclass(frozen=True, slots=True)
class Asked:
    """What is tuned, and what must be survived. `untested`: scenarios that do not apply, with the reason."""

    levers: tuple[Lever, ...]
    scenarios: tuple[Hardship, ...]
    repeat: int = 2
    seed: int = 0
    untested: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Seen:
    """What one trial showed. `config` holds the value of every lever by its short key."""

    scenario: str
    config: Mapping[str, Scalar]
    block: int
    verdict: TrialVerdict
    stairs: Stairs = _NO_STAIRS
    values: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Climb:
    config: Config
    levels: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Survive:
    scenario: str
    config: Config


@dataclass(frozen=True, slots=True)
class Pair:
    config: Config
    levels: tuple[float, ...]
    block: int


Next = Climb | Survive | Pair


@dataclass(frozen=True, slots=True)
class Tuned:
    """The last word. `config` is what is recommended, `before` what is there now."""

    found: Found
    survived: Survived
    effects: tuple[Effect, ...]
    config: Config
    before: Config
    low_rps: float | None
    high_rps: float | None
    recommendation: Recommendation
    untested: tuple[tuple[str, str], ...]
    broken: str = ""
    starts: bool = True

    @property
    def outcome(self) -> Outcome:
        """Inconclusive where a choice hangs on what could not be told; what is the app's own is told, not judged."""
        if not self.starts:
            return "fail"
        return "inconclusive" if self.broken or self.found.hangs else "pass"


def short(key: str) -> str:
    return key.removeprefix("target.")


def see(record: TrialRecord, verdict: TrialVerdict, block: int) -> Seen:
    trial = record.trial
    name = trial.scenario.name
    stairs = read_stairs(record) if name in (CLIMB, PAIR) else _NO_STAIRS
    values = read_paired(record) if name == PAIR else {}
    return Seen(name, trial.config, block, verdict, stairs, values)


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
            return Survive(survived.scenario, self._without(step.config, survived.without))
        return self._pair(self._left(step, survived), blocks) or self.tell()

    def tell(self) -> Tuned:
        found = self._search(on=False)
        assert isinstance(found, Found)
        survived = self._verify(found)
        cut = isinstance(survived, RunScenario)
        known = survived if isinstance(survived, Survived) else Survived((), (), {})
        config = self._left(found, known)
        broken = self._broken(found) or ("it was cut off before its settings were verified" if cut else "")
        seen = self._effects(config)
        low, high = self._bracket(config)
        recommendation = self._recommend(found, known, config, seen, cut)
        fitting = self._fitting(found.config)
        few = [
            (each.name, f"it needs {each.min_workers} workers") for each in self._asked.scenarios if each not in fitting
        ]
        untested = (*self._asked.untested, *few)
        return Tuned(
            found, known, seen, config, self._before, low, high, recommendation, untested, broken, self._starts
        )

    # ── the three stages

    def _search(self, on: bool) -> Measure | Found:
        return next_measure(self._asked.levers, self._climbed, repeat=self._asked.repeat, go_on=on)

    def _broken(self, found: Found) -> str:
        """Why there is nothing to tune; empty where there is."""
        if not self._starts:
            return "the service did not start with its present settings"
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
        ran = [
            Verified(each.scenario, self._unlike(each, found.config), each.verdict)
            for each in self._seen
            if each.scenario not in (CLIMB, PAIR)
        ]
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

    def _pair(self, config: Config, blocks: int) -> Pair | None:
        if config == self._before or blocks < 1:
            return None
        sides = (self._before, config)
        low = [fmean(scores(self._stairs(side)) or (0.0,)) for side in sides]
        done = sum(each.scenario == PAIR for each in self._seen)
        places = randomised_blocks(2, blocks, self._asked.seed)
        if done >= len(places) or min(low) <= 0:
            return None
        place = places[done]
        side = sides[place.config]
        return Pair(side, paired_levels(self._stairs(side), min(low) * COMMON_SHARE), place.block)

    def _effects(self, config: Config) -> tuple[Effect, ...]:
        if config == self._before:
            return ()
        mine = [each for each in self._seen if each.scenario == PAIR]
        return effects([Paired(each.block, self._config(each) == config, each.values) for each in mine])

    # ── the last word

    def _recommend(
        self, found: Found, survived: Survived, config: Config, seen: Sequence[Effect], cut: bool
    ) -> Recommendation:
        moves = {move.lever.key: move for move in found.moves}
        changed = self._changed(config)
        effect = seen[0] if seen and len(changed) == 1 else None
        note = _untested(seen, len(changed), bool(survived.outcomes), cut)
        settings = [
            Setting(lever.key, lever.before, now, _reason(moves[lever.key]), effect, _joined(note, moves[lever.key]))
            for lever, now in zip(self._asked.levers, config, strict=True)
            if lever.key in moves and lever.key not in {each.key for each in survived.taken_back}
        ]
        back = []
        for each in survived.taken_back:
            move = moves[each.key]
            setting = Setting(each.key, move.lever.before, move.after, _reason(move))
            back.append(Withdrawn(setting, each.scenario, each.check, each.why))
        return Recommendation(tuple(settings), tuple(back), len(self._seen), grid_trials(self._asked.levers))

    # ── small helpers

    def _config(self, seen: Seen) -> Config:
        return tuple(int(seen.config[short(lever.key)]) for lever in self._asked.levers)

    def _stairs(self, config: Config) -> list[Stairs]:
        return [each.stairs for each in self._climbed if each.config == config]

    def _bracket(self, config: Config) -> tuple[float | None, float | None]:
        mine = [each for each in self._stairs(config) if each.bounded]
        return (mine[-1].low_rps, mine[-1].high_rps) if mine else (None, None)

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


def _reason(move: Moved) -> str:
    """The figures that the choice was made of."""
    told = ", ".join(
        f"{value}: {'at least ' if value in move.limits else ''}{_rate(score)}" for value, score in move.tried.items()
    )
    if len(move.tried) < 2:
        return f"Only {move.after} was tried ({told})." if move.tried else "Nothing of it was tried."
    return f"The smallest within {TOLERANCE:.0%} of the best of those that were tried ({told})."


def _rate(score: float) -> str:
    return f"{score:.3g}/s"


def _untested(seen: Sequence[Effect], changed: int, verified: bool, cut: bool) -> str:
    found = []
    if changed and not seen:
        found.append("its effect has no interval: no blocks were run")
    elif changed > 1:
        others = "setting" if changed == 2 else f"{changed - 1} settings"
        found.append(f"its effect was measured together with that of the other {others} that changed")
    if cut or not verified:
        found.append("no resilience scenario was run with it")
    return "; ".join(found)


def _joined(note: str, move: Moved) -> str:
    return "; ".join(part for part in (move.hangs, note) if part)
