"""The planted deployments as computed ones: what a tuning makes of them, by the judgement of their benchmark."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from test_tuned import FACTS, Deployments, never

from benchmarks.tuning_planted import APPS, PLANTED, Planted
from harness.cli.tune_asked import ask
from harness.model.target import Slo
from harness.tuning.asked import Asked
from harness.tuning.levers import Config
from harness.tuning.staircase import Stairs, StepSeen, climb
from reports.tune.document import tune_document
from reports.tune.text import tune_text
from reports.tune.view import TuneView
from reports.view import RunView


@dataclass(frozen=True, slots=True)
class Computed:
    """The rate that a configuration holds, and from which on the machine has nothing left."""

    holds: Callable[[Config], float]
    used_up: float = 1e9


COMPUTED = {
    "blocking": Computed(lambda config: config[0] / 0.02),
    "small_pool": Computed(lambda config: config[0] * config[1] / 0.04),
    "bulkhead": Computed(lambda config: config[0] * config[1] / 0.08),
    "busy": Computed(lambda config: config[0] * 110.0, used_up=250.0),
    "short_grace": Computed(lambda config: 90.0),
}


class Shared(Deployments):
    used_up = 1e9

    def climbed(self, config: Config, levels: tuple[float, ...]) -> Stairs:
        """What is asked for beyond the machine says nothing of the service."""
        today = self.truth(config) * (1 + self.rng.gauss(0, 0.005))  # with more, equals are not always found so
        return climb([self.step(level, today) for level in levels])

    def step(self, level: float, today: float) -> StepSeen:
        if level < min(today, self.used_up):
            return StepSeen(level, "held")
        return StepSeen(level, "invalid", "used up") if level >= self.used_up else StepSeen(level, "broke")


def asked_of(planted: Planted, seed: int) -> Asked:
    names = [planted.verify]
    return ask(APPS / f"{planted.app}.toml", {}, planted.workers_max, names, repeat=2, seed=seed).asked


def hasty(scenario: str, config: Config) -> str:
    return "graceful-shutdown" if scenario == "drain" and config[1] == 1 else ""


def tuned(planted: Planted, seed: int, used_up: float, searches: int = 99) -> TuneView:
    fails = hasty if planted.app == "short_grace" else never
    deployments = Shared(asked_of(planted, seed), COMPUTED[planted.app].holds, fails, seed)
    deployments.used_up = used_up
    told = deployments.run(searches=searches)
    return TuneView(told, tuple(deployments.seen), deployments.asked, Slo())


def document(view: TuneView) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(json.dumps(tune_document(RunView("runs/x", "app", FACTS, ()), view)))
    return found


@pytest.mark.parametrize("planted", PLANTED, ids=lambda planted: planted.app)
@pytest.mark.parametrize("seed", range(5))
def test_each_planted_answer_follows(planted: Planted, seed: int) -> None:
    view = tuned(planted, seed, COMPUTED[planted.app].used_up)
    assert planted.right(document(view)), view.told


@pytest.mark.parametrize("planted", [each for each in PLANTED if each.verify != "none"], ids=lambda each: each.app)
def test_where_the_machine_is_the_limit_everything_stays_as_it_is(planted: Planted) -> None:
    """Whatever is planted: with all of the machine used up below it, nothing of it can be told."""
    view = tuned(planted, 1, used_up=15.0)
    assert view.tuned.config == view.tuned.before
    assert view.outcome == "inconclusive"
    assert "no lever moved the score" in view.told
    assert "this machine cannot tell whether that is best" in view.told


@pytest.mark.parametrize(
    ("app", "key", "kept", "rival"), [("blocking", "UNUSED_LIMIT", 4, 2), ("small_pool", "", 2, 1)]
)
def test_what_was_kept_is_said(app: str, key: str, kept: int, rival: int) -> None:
    view = tuned(next(each for each in PLANTED if each.app == app), 1, used_up=15.0)
    name = f"target.env.{key}" if key else "target.workers"
    move = next(each for each in view.moves if each.lever.key == name)
    assert (move.after, move.rival) == (kept, rival)
    (lever,) = (each for each in document(view)["levers"] if each["key"] == name)
    assert (lever["after"], lever["rival"], lever["traded"]) == (kept, rival, None)
    assert f"kept at {kept}: this machine cannot tell {rival} from {kept}" in move.hangs
    assert f"kept, for {rival} cannot be told from it" in tune_text(view, "runs/x", "app")
    setting = next(each for each in view.tuned.recommendation.settings if each.key == name)
    assert not setting.changed
    assert setting.reason.startswith(f"Kept as it is, for {rival} could not be told from it (")


@pytest.mark.parametrize("searches", [2, 3, 4, 5, 6])
def test_a_lever_that_was_seen_to_be_better_is_named_when_the_time_is_over(searches: int) -> None:
    planted = PLANTED[0]
    view = tuned(planted, 1, 1e9, searches)
    assert view.outcome == "inconclusive"
    assert "the time was over" in view.tuned.found.hangs
    assert view.tuned.found.unfinished
    if view.tuned.config[0] > 1:
        assert "the lever is workers: 1 to" in view.told
