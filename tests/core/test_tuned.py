"""A tuning from its first trial to its last word, on deployments that are computed."""

import json
import random
from collections.abc import Callable
from dataclasses import replace

import pytest
from record_builder import DRAIN as DRAIN_STORY
from record_builder import Story

from harness.model.record import TrialRecord
from harness.model.target import Scalar, Slo
from harness.model.verdict import TrialVerdict, Verdict
from harness.target import REFERENCE, load_target
from harness.tuning.asked import PAIR, Asked, Hardship, Seen, short
from harness.tuning.levers import Config, Lever
from harness.tuning.staircase import Stairs, StepSeen, climb
from harness.tuning.tuned import Climb, Next, Survive, Tuned, next_trial, tell
from harness.tuning.verifying import OwnFailure
from reports.tune.document import recommendation_document, tune_document
from reports.tune.page import tune_page
from reports.tune.text import tune_text
from reports.tune.view import TuneView, asked_of, pasted
from reports.view import RunView

WORKERS = Lever("target.workers", "workers", (1, 2, 3, 4), 2)
POOL = Lever("target.env.POOL_SIZE", "pool", (1, 2, 4), 1)
GRACE = Lever("target.gunicorn.graceful_timeout", "timeout", (1, 10), 10)
DRAIN, KILLED = Hardship("drain"), Hardship("worker-killed", min_workers=2)
GRACEFUL, STATEMENT = "target.gunicorn.graceful_timeout", "parts.db.settings.statement_timeout"
FACTS = {
    "seed": 1,
    "command": ["shakedown", "tune"],
    "app": "app.main:app",
    "tune": {"server": "gunicorn", "parts": {}},
}
Fails = Callable[[str, Config], str]


def never(scenario: str, config: Config) -> str:
    return ""


def verdict(scenario: str, failed: str = "") -> TrialVerdict:
    checks = (Verdict(failed or "recovers", "fail" if failed else "pass", f"{failed} was seen"),)
    return TrialVerdict(scenario, {}, (), "fail" if failed else "pass", checks, ())


def pooled(config: Config) -> float:
    return config[0] * config[1] * 25.0


class Deployments:
    """What computed deployments show: `truth` gives the rate that a configuration holds."""

    def __init__(self, asked: Asked, truth: Callable[[Config], float], fails: Fails = never, seed: int = 1) -> None:
        self.asked, self.truth, self.fails, self.rng = asked, truth, fails, random.Random(seed)
        self.seen: list[Seen] = []
        self.record: TrialRecord | None = None

    def run(self, *, searches: int = 99, blocks: int = 3) -> Tuned:
        while not isinstance(step := self.next(searches, blocks), Tuned):
            levers = zip(self.asked.levers, step.config, strict=True)
            shown: dict[str, Scalar] = {short(lever.key): value for lever, value in levers}
            if not isinstance(step, Climb):
                shown.update({short(key): value for key, value in step.more})
            if isinstance(step, Survive):
                failed = self.fails(step.scenario, step.config) or self.hasty(step)
                said = verdict(step.scenario, failed)
                self.seen.append(Seen(step.scenario, shown, step.block, said, record=self.record))
                continue
            stairs = self.climbed(step.config, step.levels)
            name, block = ("climb", 0) if isinstance(step, Climb) else (PAIR, step.block)
            values = {} if isinstance(step, Climb) else {"score": stairs.middle_rps, "p50_ms": 9.0 + self.rng.random()}
            self.seen.append(Seen(name, shown, block, verdict(name), stairs, values))
            assert len(self.seen) < 120
        return step

    def hasty(self, step: Survive) -> str:
        return ""

    def next(self, searches: int, blocks: int) -> Next | Tuned:
        return next_trial(self.asked, self.seen, search=len(self.seen) < searches, blocks=blocks)

    def climbed(self, config: Config, levels: tuple[float, ...]) -> Stairs:
        today = self.truth(config) * (1 + self.rng.gauss(0, 0.02))
        return climb([StepSeen(level, "held" if level < today else "broke") for level in levels])


def test_what_is_recommended_was_searched_survived_and_measured_in_pairs() -> None:
    deployments = Deployments(Asked((WORKERS, POOL), (DRAIN, KILLED)), pooled)
    tuned = deployments.run()
    assert tuned.config == (4, 4)
    assert tuned.outcome == "pass"
    assert tuned.survived.outcomes == {"drain": "pass", "worker-killed": "pass"}
    score = tuned.effects[0]
    assert (score.metric, score.pairs) == ("score", 3)
    assert score.low < 8 < score.high
    assert tuned.found.strongest is not None
    assert tuned.found.strongest.lever is POOL
    told = {each.key: each for each in tuned.recommendation.settings}
    assert (told["target.env.POOL_SIZE"].before, told["target.env.POOL_SIZE"].value) == (1, 4)
    assert "measured together" in told["target.env.POOL_SIZE"].untested
    assert tell(deployments.asked, deployments.seen) == tuned


def test_a_setting_that_does_not_survive_is_withdrawn_and_the_rest_is_run_again() -> None:
    """A grace of one second scores as well as any, and cuts what is under way."""

    def fails(scenario: str, config: Config) -> str:
        return "graceful-shutdown" if scenario == "drain" and config[2] == 1 else ""

    deployments = Deployments(Asked((WORKERS, POOL, GRACE), (DRAIN, KILLED)), pooled, fails)
    tuned = deployments.run()
    assert tuned.found.config[2] == 1
    assert tuned.config == (*tuned.found.config[:2], 10)
    withdrawn = tuned.recommendation.withdrawn
    assert [(each.setting.key, each.scenario, each.check) for each in withdrawn] == [
        ("target.gunicorn.graceful_timeout", "drain", "graceful-shutdown")
    ]
    assert "target.gunicorn.graceful_timeout" not in {each.key for each in tuned.recommendation.settings}
    assert tuned.survived.outcomes == {"drain": "pass", "worker-killed": "pass"}
    graceful = next(each for each in tuned.found.moves if each.lever is GRACE)
    alone = replace(tuned, found=replace(tuned.found, moves=(replace(graceful, tried={1: 9.0, 10: 1.0}),)))
    assert alone.found.strongest is not None
    assert alone.strongest is None  # it was withdrawn
    assert all(each.config["gunicorn.graceful_timeout"] == 10 for each in deployments.seen if each.scenario == PAIR)


def test_what_fails_at_present_too_is_told_as_the_apps_own() -> None:
    tuned = Deployments(Asked((WORKERS, POOL), (DRAIN,)), pooled, lambda *_: "no-orphans").run()
    assert tuned.survived.own == (OwnFailure("drain", "no-orphans", "no-orphans was seen"),)
    assert tuned.outcome == "pass"
    assert tuned.recommendation.withdrawn == ()


def test_a_scenario_for_which_there_are_too_few_workers_is_not_tested() -> None:
    tuned = Deployments(Asked((WORKERS,), (KILLED,)), lambda config: 100.0).run()
    assert tuned.config == (1,)
    assert tuned.untested == (("worker-killed", "it needs 2 workers"),)
    assert "no resilience scenario" in tuned.recommendation.settings[0].untested


def test_a_service_that_holds_nothing_has_nothing_to_tune() -> None:
    tuned = Deployments(Asked((WORKERS,), (DRAIN,)), lambda config: 0.5).run()
    assert tuned.outcome == "inconclusive"
    assert "held its objectives at no rate" in tuned.broken


def test_a_service_that_does_not_start_fails() -> None:
    failed = TrialVerdict("climb", {}, (), "fail", (Verdict("starts", "fail", "it ended"),), ())
    asked, seen = Asked((WORKERS,), (DRAIN,)), [Seen("climb", {"workers": 2}, 0, failed)]
    tuned = next_trial(asked, seen, search=True, blocks=3)
    assert isinstance(tuned, Tuned)
    assert (tuned.outcome, tuned.config) == ("fail", (2,))
    assert "did not start" in tuned.broken


def test_without_blocks_no_effect_is_claimed() -> None:
    tuned = Deployments(Asked((WORKERS, POOL), ()), pooled).run(blocks=0)
    assert tuned.effects == ()
    assert "no blocks were run" in tuned.recommendation.settings[0].untested


def test_a_tuning_that_was_cut_off_recommends_nothing_as_verified() -> None:
    deployments = Deployments(Asked((WORKERS, POOL), (DRAIN,)), pooled)
    deployments.run(blocks=0)
    cut = tell(deployments.asked, [each for each in deployments.seen if each.scenario != "drain"])
    assert cut.outcome == "inconclusive"
    assert "cut off" in cut.broken


@pytest.mark.parametrize("searches", [0, 1, 3, 7])
def test_every_end_of_the_time_leads_to_a_last_word(searches: int) -> None:
    tuned = Deployments(Asked((WORKERS, POOL, GRACE), (DRAIN,)), pooled).run(searches=searches)
    assert tuned.outcome == "inconclusive"
    assert tuned.broken or "the time was over" in tuned.found.hangs


def test_timeouts_are_derived_from_the_first_round_and_survive_a_second() -> None:
    deployments = Deployments(Asked((WORKERS,), (DRAIN,)), lambda config: 50.0 * config[0])
    deployments.record = Story(DRAIN_STORY).record()
    tuned = deployments.run()
    more = dict(tuned.more)
    assert more[GRACEFUL] == 16
    assert STATEMENT in more
    rounds = [(each.block, each.config.get("gunicorn.graceful_timeout")) for each in deployments.seen if each.record]
    assert rounds == [(0, None), (1, 16)]
    told = {each.key: each for each in tuned.recommendation.settings}
    assert (told[GRACEFUL].before, told[GRACEFUL].value) == (15, 16)
    assert "No trial has run with it" not in told[GRACEFUL].untested
    pairs = [each.config.get("gunicorn.graceful_timeout") for each in deployments.seen if each.scenario == PAIR]
    assert sorted(pairs, key=str) == [16, 16, 16, None, None, None]
    assert tuned.effects[0].pairs == 3
    view = TuneView(tuned, tuple(deployments.seen), deployments.asked, Slo(), tuned.timeouts)
    assert GRACEFUL not in {each.key for each in view.derived}
    assert "app.command_timeout_s" in {each.key for each in view.derived}
    assert "gunicorn.graceful_timeout=16" in view.told


class Hasty(Deployments):
    """Its statements take longer than what was measured: with a limit the scenario fails."""

    def hasty(self, step: Survive) -> str:
        return "recovers" if STATEMENT in dict(step.more) else ""


def test_a_timeout_that_a_scenario_does_not_survive_is_withdrawn() -> None:
    deployments = Hasty(Asked((WORKERS,), (DRAIN,)), lambda config: 50.0 * config[0])
    deployments.record = Story(DRAIN_STORY).record()
    tuned = deployments.run()
    assert [(each.setting.key, each.check) for each in tuned.recommendation.withdrawn] == [(STATEMENT, "recovers")]
    assert GRACEFUL in dict(tuned.more)
    assert STATEMENT not in dict(tuned.more)
    assert STATEMENT not in {each.key for each in tuned.recommendation.settings}
    assert tuned.survived.outcomes == {"drain": "pass"}
    view = TuneView(tuned, tuple(deployments.seen), deployments.asked, Slo(), tuned.timeouts)
    assert STATEMENT not in {each.key for each in view.derived}


def test_all_of_it_is_told() -> None:
    def fails(scenario: str, config: Config) -> str:
        return "graceful-shutdown" if scenario == "drain" and config[2] == 1 else ""

    asked = Asked((WORKERS, POOL, GRACE), (DRAIN,), untested=(("db-refused", "it needs a part of kind postgres"),))
    deployments = Deployments(asked, pooled, fails)
    view = TuneView(deployments.run(), tuple(deployments.seen), asked, Slo())
    run = RunView("runs/x", "app.main:app", FACTS, ())
    assert view.told.startswith("the lever is env.POOL_SIZE: 1 to 4 takes the score to")
    text = tune_text(view, "runs/x", "app.main:app")
    assert text.splitlines()[0].startswith("✔ PASS  app.main:app: the lever is env.POOL_SIZE")
    for said in ("withdrawn  gunicorn.graceful_timeout=1", "verified with  drain pass", "not tested  db-refused"):
        assert said in text
    assert "where every combination three times would take 72" in text
    assert tune_text(view, "runs/x", "app", ascii_only=True).isascii()
    document = json.loads(json.dumps(tune_document(run, view)))
    assert document["withdrawn"][0]["setting"]["key"] == "target.gunicorn.graceful_timeout"
    assert document["levers"][0]["key"] == "target.env.POOL_SIZE"
    assert json.dumps(recommendation_document(view))
    page = tune_page(run, view)
    assert "<strong>4</strong>" in page
    assert "graceful-shutdown in drain" in page
    assert page.count("<svg") == 3
    written = {file.name: file.text for file in pasted(run, view)}
    assert "workers = 4" in written["gunicorn.conf.py"]
    assert "graceful_timeout" not in written["gunicorn.conf.py"]
    assert "POOL_SIZE=4" in written["settings.env"]
    assert "POOL_SIZE=4" in page


def test_the_question_is_kept_as_it_was_asked() -> None:
    from harness.cli.tune_asked import tune_facts

    asked = Asked((WORKERS, POOL), (DRAIN, KILLED), seed=7, untested=(("db-refused", "no database"),))
    facts = json.loads(json.dumps({"tune": tune_facts(asked, 20.0, load_target(REFERENCE, {})), "seed": 7}))
    assert asked_of(facts) == asked
