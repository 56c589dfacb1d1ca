"""Scenarios of the user's own: declared in a target file or written in Python, and what is told of one that is none."""

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from harness.cli.chosen import check_faults, choose_scenarios
from harness.errors import UsageError
from harness.model.scenario import FaultUse, Scenario, fault
from harness.model.target import Target
from harness.plan import plan
from harness.scenario_rules import mistakes
from harness.target import load_target
from scenarios import SCENARIOS

FAR = """
[scenarios.far-away]
asks = "Does it hold?"
requires = ["postgres"]
ready = "any"
recovery_s = 20
settings = { "gunicorn.timeout" = 4 }
limits = { recover_s = 8 }
[[scenarios.far-away.faults]]
fault = "postgres.latency"
at_s = 1
for_s = 10
latency_ms = 500
[[scenarios.far-away.faults]]
fault = "postgres.lock"
for_s = 2
table = "items"
"""


def read(folder: Path, text: str) -> Target:
    file = folder / "shakedown.toml"
    file.write_text(f'[target]\napp = "a:b"\npython = "{sys.executable}"\n[parts.postgres]\n{text}', "utf-8")
    return load_target(file, {})


def planned(target: Target, *names: str) -> None:
    chosen = choose_scenarios(names, target)
    check_faults(plan(chosen, target, workers=[2], repeat=1, seed=1, overrides={}), target)


def test_none_has_to_be_declared(tmp_path: Path) -> None:
    assert read(tmp_path, "").scenarios == ()


def test_a_declared_scenario_is_as_one_in_python(tmp_path: Path) -> None:
    target = read(tmp_path, FAR)
    (found,) = target.scenarios
    assert found == Scenario(
        name="far-away",
        asks="Does it hold?",
        requires=("postgres",),
        ready="any",
        recovery_s=20,
        settings={"gunicorn.timeout": 4},
        limits={"recover_s": 8},
        faults=(
            fault("postgres.latency", at_s=1, for_s=10, latency_ms=500),
            fault("postgres.lock", for_s=2, table="items"),
        ),
    )
    assert mistakes(found) == []
    assert [each.name for each in choose_scenarios(["baseline", "far-away"], target)] == ["baseline", "far-away"]
    planned(target, "far-away")


def test_the_files_limits_go_before_a_scenarios_and_the_word_on_one_scenario_before_both(tmp_path: Path) -> None:
    foreign = Scenario("theirs", "?", limits={"recover_s": 9.0, "stuck_s": 3.0})
    plain = read(tmp_path, "")
    assert plain.limits_for(foreign) == replace(plain.limits, recover_s=9.0, stuck_s=3.0)
    target = read(tmp_path, "[limits]\nrecover_s = 6\n" + FAR)
    assert target.limits_for(foreign) == replace(plain.limits, recover_s=6.0, stuck_s=3.0)
    (own,) = target.scenarios
    assert target.limits_for(replace(own, faults=())).recover_s == 8.0
    assert target.limits_for(Scenario("silent", "?")) == target.limits


def test_what_is_not_said_is_as_in_python(tmp_path: Path) -> None:
    (found,) = read(tmp_path, '[[scenarios.cut.faults]]\nfault = "postgres.refuse"\noutlasts_deadline = true').scenarios
    assert found.faults == (FaultUse("postgres.refuse", outlasts_deadline=True),)
    assert found == Scenario("cut", "Does the service hold through postgres.refuse?", faults=found.faults)


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ('"any"', '"no"', r"scenarios\.far-away\.ready is 'no'; accepted: down, up, any"),
        ("recovery_s = 20", "recovery_s = -1", r"scenarios\.far-away\.recovery_s"),
        ("recovery_s", "recover_s", r"scenarios\.far-away\.recover_s .*did you mean recovery_s\?$"),
        ("recover_s = 8", "recovr_s = 8", r"scenarios\.far-away\.limits\.recovr_s"),
        ("at_s = 1", "at_s = inf", r"scenarios\.far-away\.faults\[0\]\.at_s"),
        ("for_s = 2", "for_s = 0", r"scenarios\.far-away\.faults\[1\]\.for_s"),
        ("= 500", "= [500]", r"scenarios\.far-away\.faults\[0\]\.latency_ms"),
        ("postgres.lock", "lock", r"scenarios\.far-away\.faults\[1\]\.fault is 'lock'; accepted: WHAT\.fault"),
        ("scenarios.far-away]", 'scenarios."../x"]', r"is no name of a scenario"),
    ],
)
def test_what_is_no_scenario_is_named_by_its_key(tmp_path: Path, old: str, new: str, says: str) -> None:
    assert old in FAR
    with pytest.raises(UsageError, match=says):
        read(tmp_path, FAR.replace(old, new))


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("postgres.latency", "postgres.latncy", r"shakedown\.toml: scenarios\.far-away\.faults: .*Did you mean"),
        ("latency_ms", "latency", r"shakedown\.toml: scenarios\.far-away\.faults: .*it takes: latency_ms"),
        ("far-away", "drain", r"scenarios\.drain has the name of a scenario of ours"),
        ("far-away", "quick", r"scenarios\.quick has the name of a suite of ours"),
        ("far-away", "farther", r"There is no scenario or suite 'far-away'.*, farther, "),
    ],
)
def test_what_cannot_be_run_is_named(tmp_path: Path, old: str, new: str, says: str) -> None:
    target = read(tmp_path, FAR.replace(old, new))
    with pytest.raises(UsageError, match=says):
        planned(target, "far-away")


@pytest.mark.parametrize(
    ("wrong", "key"),
    [
        ({"name": "../../x"}, "name"),
        ({"name": "a/b"}, "name"),
        ({"name": ""}, "name"),
        ({"name": 3}, "name"),
        ({"asks": None}, "asks"),
        ({"requires": "postgres"}, "requires"),
        ({"baseline_s": "x"}, "baseline_s"),
        ({"baseline_s": -1}, "baseline_s"),
        ({"recovery_s": float("nan")}, "recovery_s"),
        ({"ready": "dwon"}, "ready"),
        ({"ready": ["up"]}, "ready"),
        ({"min_workers": "two"}, "min_workers"),
        ({"min_workers": True}, "min_workers"),
        ({"settings": {"gunicorn.timeout": [4]}}, "settings"),
        ({"limits": {"recovr_s": 5}}, "limits['recovr_s']"),
        ({"limits": {"recover_s": -5}}, "limits['recover_s']"),
        ({"limits": 5}, "limits"),
        ({"faults": ("postgres.latency",)}, "faults"),
        ({"faults": fault("postgres.latency", for_s=3)}, "faults"),
        ({"faults": (fault("postgres.latency", for_s=-3),)}, "faults[0].for_s"),
        ({"faults": (fault("postgres.latency", at_s=-3, for_s=3),)}, "faults[0].at_s"),
        ({"settles": 1}, "settles"),
    ],
)
def test_a_scenario_in_python_that_cannot_be_is_named_by_its_field(wrong: dict[str, Any], key: str) -> None:
    found = mistakes(Scenario(**{"name": "x", "asks": "?", **wrong}))
    assert [field for field, _ in found] == [key]
    assert "accepted: " in found[0][1] or "did you mean" in found[0][1]


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
def test_ours_keep_the_rules(scenario: Scenario) -> None:
    assert mistakes(scenario) == []


def test_a_file_that_holds_a_mistake_is_named_with_it(tmp_path: Path) -> None:
    file = tmp_path / "s.py"
    file.write_text(
        "from harness.model.scenario import Scenario\nSCENARIO = Scenario('a/b', '?', limits={'recovr_s': 1})\n"
    )
    with pytest.raises(
        UsageError, match=r"s\.py: SCENARIO\.name is 'a/b'; .*SCENARIO\.limits\['recovr_s'\] is no limit"
    ):
        choose_scenarios([str(file)], read(tmp_path, ""))
