"""Does a recommendation survive trouble? Which scenario to run next with which settings, and what is withdrawn.

    each scenario with all settings ─▶ fails? once more ─▶ with the current settings: fails too? the app's own
                                                        └▶ passes: without each setting, most suspect first

The setting without which the scenario passes is withdrawn, and every scenario is run again with what is left: nothing
is recommended that was not itself verified. One trial never decides: a check counts as failed when it failed twice.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from harness.model.verdict import Outcome, TrialVerdict

_AGREE = 2
_SUSPECT: Mapping[str, tuple[str, ...]] = {
    "graceful-shutdown": ("graceful", "drain", "grace", "timeout"),
    "no-stuck-workers": ("gunicorn.timeout", "timeout", "workers"),
    "no-restart-storm": ("gunicorn.timeout", "timeout", "workers"),
    "liveness-holds": ("gunicorn.timeout", "timeout", "limit", "workers"),
    "pool-bounded": ("pool", "max_connections", "workers"),
    "requests-bounded": ("timeout", "limit", "pool"),
    "recovers": ("timeout", "pool", "workers"),
}
"""Which words in the key of a setting make it the suspect of a check, the first ones most of all."""
_ELSE = ("timeout", "limit", "pool", "workers")


@dataclass(frozen=True, slots=True)
class Verified:
    """One scenario that was run: `without` are the settings that stood as they are now."""

    scenario: str
    without: frozenset[str]
    verdict: TrialVerdict

    @property
    def failed(self) -> frozenset[str]:
        return frozenset(each.check for each in self.verdict.verdicts if each.verdict == "fail")


@dataclass(frozen=True, slots=True)
class RunScenario:
    scenario: str
    without: frozenset[str]


@dataclass(frozen=True, slots=True)
class TakenBack:
    """A setting with which `check` failed in a scenario that passes without it."""

    key: str
    scenario: str
    check: str
    why: str


@dataclass(frozen=True, slots=True)
class OwnFailure:
    """What fails with the current settings too."""

    scenario: str
    check: str
    why: str


@dataclass(frozen=True, slots=True)
class Survived:
    """The end: the outcome of each scenario with what is left of the settings."""

    taken_back: tuple[TakenBack, ...]
    own: tuple[OwnFailure, ...]
    outcomes: Mapping[str, Outcome]


def next_scenario(
    keys: Sequence[str], scenarios: Sequence[str], ran: Sequence[Verified], kinds: Mapping[str, str] | None = None
) -> RunScenario | Survived:
    """Pure. `keys` are the settings that were changed, `kinds` says of some what they are (`pool`)."""
    return _Verification(keys, ran, kinds or {}).run(scenarios)


class _Verification:
    def __init__(self, keys: Sequence[str], ran: Sequence[Verified], kinds: Mapping[str, str]) -> None:
        self._keys, self._ran, self._kinds = tuple(keys), ran, kinds
        self._back: list[TakenBack] = []

    @property
    def _without(self) -> frozenset[str]:
        return frozenset(each.key for each in self._back)

    def run(self, scenarios: Sequence[str]) -> RunScenario | Survived:
        own: list[OwnFailure] = []
        outcomes: dict[str, Outcome] = {}
        left = list(scenarios)
        while left:
            scenario = left.pop(0)
            step = self._judge(scenario)
            if isinstance(step, RunScenario):
                return step
            if isinstance(step, list):
                own += step
                outcomes[scenario] = self._of(scenario, self._without)[-1].verdict.verdict
                continue
            self._back += step
            own, outcomes, left = [], {}, list(scenarios)
        return Survived(tuple(self._back), tuple(own), outcomes)

    def _judge(self, scenario: str) -> RunScenario | list[OwnFailure] | tuple[TakenBack, ...]:
        """What to run; or what is the app's own; or what is to be withdrawn."""
        failed = self._failed(scenario, self._without)
        if isinstance(failed, RunScenario):
            return failed
        if not failed:
            return []
        everything = frozenset(self._keys)
        before = self._failed(scenario, everything)
        if isinstance(before, RunScenario):
            return before
        new = failed - before
        if not new:
            return [OwnFailure(scenario, check, self._why(scenario, check)) for check in sorted(failed)]
        check = min(new)
        suspects = self._suspects(check)
        for key in suspects:
            without = self._failed(scenario, self._without | {key})
            if isinstance(without, RunScenario):
                return without
            if not new & without:
                return (self._taken(key, scenario, check),)
        return tuple(self._taken(key, scenario, check) for key in suspects)

    def _failed(self, scenario: str, without: frozenset[str]) -> RunScenario | frozenset[str]:
        """The checks that failed each time; a failure asks for a second trial."""
        mine = self._of(scenario, without)
        if not mine or (len(mine) < _AGREE and mine[0].failed):
            return RunScenario(scenario, without)
        return frozenset.intersection(*(each.failed for each in mine[:_AGREE]))

    def _of(self, scenario: str, without: frozenset[str]) -> list[Verified]:
        return [each for each in self._ran if each.scenario == scenario and each.without == without]

    def _suspects(self, check: str) -> list[str]:
        """The settings that are left, the most suspect of this check first."""
        words = (*_SUSPECT.get(check, ()), *_ELSE)

        def rank(key: str) -> int:
            told = f"{key} {self._kinds.get(key, '')}".lower()
            return next((place for place, word in enumerate(words) if word in told), len(words))

        return sorted((key for key in self._keys if key not in self._without), key=rank)

    def _taken(self, key: str, scenario: str, check: str) -> TakenBack:
        return TakenBack(key, scenario, check, self._why(scenario, check))

    def _why(self, scenario: str, check: str) -> str:
        said = self._of(scenario, self._without)[-1].verdict.verdicts
        return next((each.why for each in said if each.check == check), "")
