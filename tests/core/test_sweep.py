"""The plan of a sweep, what a trial is worth in numbers, and what is said of them side by side."""

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from record_builder import BASELINE, REFUSED, Done, Story

from harness.checks.judge import judge_trial
from harness.cli.sweep_asked import read_vary
from harness.errors import UsageError
from harness.model.request import RequestLine
from harness.model.rows import Outcome
from harness.model.scenario import Scenario
from harness.model.target import Scalar, Target
from harness.plan_sweep import SweepPlan, Variation, combinations, plan_sweep
from harness.target import load_target
from harness.tuning.metrics import measure
from reports.compare.document import compare_document
from reports.compare.text import compare_text
from reports.compare.view import view_comparison
from reports.sweep.document import sweep_document
from reports.sweep.page import sweep_page
from reports.sweep.text import sweep_text
from reports.sweep.view import SweepView, view_sweep
from reports.view import RunView, TrialView

FILE = '[target]\napp = "a:b"\nlive = "/health"\n[target.env]\nPOOL = "1"\n'
STEADY = Scenario("steady", "Is it well?")
PAIR = Scenario("pair", "Does the other go on?", min_workers=2)


def planned(tmp_path: Path, vary: Mapping[str, tuple[Scalar, ...]], *scenarios: Scenario, repeat: int = 2) -> SweepPlan:
    path = tmp_path / "shakedown.toml"
    path.write_text(FILE)

    def target(varied: Mapping[str, Scalar]) -> Target:
        return load_target(path, varied)

    variations = [Variation(varied, varied, target(varied)) for varied in combinations(vary)]
    return plan_sweep(scenarios or (STEADY,), variations, repeat, seed=7)


def test_each_block_has_every_configuration_under_the_same_load(tmp_path: Path) -> None:
    sweep = planned(tmp_path, {"workers": (1, 2), "gunicorn.timeout": (2, 30)}, repeat=3)
    trials = sweep.plan.trials
    assert len(trials) == 12
    assert [trial.index for trial in trials] == list(range(1, 13))
    for block in range(3):
        mine = [trial for trial in trials if trial.block == block]
        assert {(t.config["workers"], t.config["gunicorn.timeout"]) for t in mine} == {(1, 2), (1, 30), (2, 2), (2, 30)}
        assert len({trial.seed for trial in mine}) == 1
    assert len({trial.seed for trial in trials}) == 3
    assert all(sweep.target_of(trial).workers == trial.config["workers"] for trial in trials)


def test_a_variable_that_is_varied_is_told_apart(tmp_path: Path) -> None:
    sweep = planned(tmp_path, {"target.env.POOL": ("1", "9")})
    assert {trial.config["target.env.POOL"] for trial in sweep.plan.trials} == {"1", "9"}
    assert {sweep.target_of(trial).env["POOL"] for trial in sweep.plan.trials} == {"1", "9"}


def test_a_scenario_is_left_out_only_where_it_cannot_be_run(tmp_path: Path) -> None:
    sweep = planned(tmp_path, {"workers": (1, 2)}, STEADY, PAIR, repeat=1)
    assert sorted((t.scenario.name, t.workers) for t in sweep.plan.trials) == [
        ("pair", 2),
        ("steady", 1),
        ("steady", 2),
    ]
    assert [name for name, _ in sweep.plan.not_applicable] == ["pair with workers=1"]


def test_values_are_read_as_in_the_file() -> None:
    read = read_vary(["workers=1,2", "gunicorn.preload_app=true,false", "server=uvicorn, granian"])
    assert read == {"workers": (1, 2), "gunicorn.preload_app": (True, False), "server": ("uvicorn", "granian")}


@pytest.mark.parametrize(
    ("typed", "says"),
    [
        ((), "two configurations"),
        (("workers=1",), "two configurations"),
        (("workers",), "KEY=V1,V2"),
        (("workers=1,,2",), "KEY=V1,V2"),
        (("=1,2",), "KEY=V1,V2"),
        (("workers=2,2",), "twice"),
        (("workers=1,2", "target.workers=3,4"), "given twice"),
    ],
)
def test_what_is_no_variation_is_told(typed: tuple[str, ...], says: str) -> None:
    with pytest.raises(UsageError, match=says):
        read_vary(typed)


def test_a_trial_is_measured_before_anything_is_broken() -> None:
    found = measure(Story(REFUSED).record())
    assert found["p50_ms"] == pytest.approx(10)
    assert found["error_rate"] == 0
    assert found["goodput_rps"] == pytest.approx(50, rel=0.02)
    assert "p99_ms" not in found, "300 arrivals do not know the slowest of a hundred"


def slow_or_dead(dead: bool) -> dict[str, float]:
    def request(at_s: float, line: RequestLine) -> Done:
        bad = line.name == "create"
        code = Outcome.TIMEOUT if bad and dead else Outcome.OK
        return Done(1.0 if bad else 0.01, code)

    story = Story(BASELINE, request=request, rate=400)
    return dict(measure(story.record()))


def test_no_answer_is_slower_than_every_answer() -> None:
    slow, dead = slow_or_dead(dead=False), slow_or_dead(dead=True)
    assert slow["p95_ms"] == pytest.approx(1000)
    assert slow["error_rate"] == 0
    assert dead["error_rate"] > 0.05
    assert "p95_ms" not in dead
    assert dead["p50_ms"] == pytest.approx(10)


def test_a_trial_without_a_baseline_has_no_numbers() -> None:
    record = Story(BASELINE).record()
    assert measure(replace(record, observations=())) == {}


def swept(values: Mapping[int, list[float]]) -> SweepView:
    """Trials of `workers` whose every request takes so many milliseconds."""
    trials = []
    for workers, times in values.items():
        for took in times:

            def request(at_s: float, line: RequestLine, took: float = took) -> Done:
                return Done(took / 1000)

            changes = {"config": {"workers": workers}, "workers": workers}
            record = Story(BASELINE, request=request, trial_changes=changes).record()
            trials.append(TrialView(record, judge_trial(record), "trials/x"))
    facts = {
        "sweep": {"keys": ["workers"], "variations": [[workers] for workers in values]},
        "plan": [{}] * 7,
        "command": ["shakedown", "sweep", "<b>"],
    }
    return view_sweep(RunView("/runs/x", "app", facts, tuple(trials)))


def test_configurations_stand_side_by_side() -> None:
    sweep = swept({1: [30, 10, 20], 2: [5], 4: []})
    text = sweep_text(sweep)
    assert "4 of 7 planned" in text.replace("trials ", "")
    assert "20.0 (10.0 to 30.0)" in text
    assert "not run" in text
    document = json.loads(json.dumps(sweep_document(sweep)))
    one, two, four = document["configurations"]
    assert one["metrics"]["p50_ms"]["values"] == pytest.approx([30, 10, 20])
    assert one["metrics"]["p50_ms"]["median"] == pytest.approx(20)
    assert (two["varied"], len(two["verdicts"])) == ({"workers": 2}, 1)
    assert (four["verdicts"], four["metrics"]) == ([], {})


def compared(base: list[float], new: list[float]) -> RunView:
    trials, plan = list[TrialView](), list[dict[str, object]]()
    for block, pair in enumerate(zip(base, new, strict=True)):
        for side, took in zip(("base", "new"), pair, strict=True):

            def request(at_s: float, line: RequestLine, took: float = took) -> Done:
                return Done(took / 1000)

            changes = {"config": {"compared": side}}
            record = Story(BASELINE, request=request, trial_changes=changes).record()
            trials.append(TrialView(record, judge_trial(record), f"trials/{len(trials):02d}-baseline"))
            plan.append({"trial": f"{len(plan):02d}-baseline", "block": block, "scenario": "baseline"})
    facts = {
        "compare": {"base": "a=1", "new": "<a>", "metric": "p50_ms", "minimal": 0.05},
        "sweep": {"keys": ["compared"], "variations": [["base"], ["new"]]},
        "plan": plan,
    }
    return RunView("/runs/x", "app", facts, tuple(trials))


def test_a_regression_fails_and_an_improvement_passes() -> None:
    slower = compared([10, 11, 12], [20, 23, 23])
    view = view_comparison(slower)
    assert view.outcome == "fail"
    document = json.loads(json.dumps(compare_document(slower, view)))
    assert (document["verdict"], document["comparisons"][0]["answer"]) == ("fail", "worse")
    assert document["comparisons"][0]["metrics"][0]["ratio"] == pytest.approx(2, rel=0.05)
    text = compare_text(view, "/runs/x")
    assert "p50_ms" in text
    assert "worse" in text
    page = sweep_page(view_sweep(slower), view)
    assert "baseline: worse" in page
    assert "<a>" not in page
    assert view_comparison(compared([20, 23, 23], [10, 11, 12])).outcome == "pass"


def test_too_few_pairs_are_inconclusive() -> None:
    run = compared([10, 11], [10, 11])
    assert view_comparison(run).outcome == "inconclusive"
    assert "n/a" in compare_text(view_comparison(run), "/runs/x")


def test_the_page_draws_a_dot_for_each_trial_and_escapes() -> None:
    page = sweep_page(swept({1: [30, 10, 20], 2: [5]}))
    figure = page[page.index("p50_ms") : page.index("</svg>")]
    assert figure.count("<circle") == 4
    assert "<b>" not in page.replace("<b>workers", "")
    assert "http://" not in page.replace("http://www.w3.org", "")
