"""How the minutes of a tuning are spent, and when a staircase has shown enough."""

from pathlib import Path

import pytest
from record_builder import Story

from harness.cli.tune_time import Budget
from harness.model.load_shape import Step
from harness.model.observation import LoadSummed
from harness.model.scenario import Scenario
from harness.trial_state import TrialState

DRAIN = Scenario("drain", "Does it drain?", baseline_s=6)


def test_one_trial_is_run_however_little_time_there_is() -> None:
    budget = Budget(30.0, [DRAIN], thorough=False)
    assert budget.may_search()
    budget.spent("climb", 25.0)
    assert not budget.may_search()


def test_the_search_leaves_time_for_two_rounds_of_scenarios_and_for_pairs() -> None:
    budget = Budget(120.0, [DRAIN], thorough=False)  # a drain takes 17 s
    budget.spent("climb", 20.0)
    budget.spent("drain", 500.0)  # no measure for a climb
    assert budget.may_search()
    thorough = Budget(250.0, [DRAIN], thorough=True)
    thorough.spent("climb", 20.0)
    assert not thorough.may_search()


@pytest.mark.parametrize(
    ("total_s", "thorough", "blocks"), [(10, True, 3), (10, False, 0), (250, False, 4), (9999, True, 10)]
)
def test_pairs_are_as_many_as_fit(total_s: float, thorough: bool, blocks: int) -> None:
    budget = Budget(total_s, [], thorough=thorough)
    budget.spent("climb", 20.0)
    assert budget.blocks is None
    assert budget.plan_blocks() == blocks
    assert budget.blocks == blocks


def summed(at_s: float, p99_ms: float) -> LoadSummed:
    at_ns = round(at_s * 1e9)
    return LoadSummed(0, 0, 0, 0, 0, 0, p99_ms, p99_ms, 0.1, 0.0, at_ns, at_ns)


def test_two_steps_over_the_objective_in_a_row_are_enough(tmp_path: Path) -> None:
    shape = Step((10.0, 20.0, 40.0), 2.5)
    state = TrialState(Story(DRAIN, trial_changes={"shape": shape}).trial(), tmp_path / "none")
    for half in range(20):
        state.see(summed(half / 2, 40.0))
    assert not state.is_overwhelmed()
    for half in range(20, 30):
        state.see(summed(half / 2, 400.0 if half % 2 else -1.0))  # no answers at all are over, too
    assert not state.is_overwhelmed()
    state.see(summed(15.0, 400.0))
    assert state.is_overwhelmed()
    state.see(summed(15.5, 40.0))
    assert not state.is_overwhelmed()


def test_a_steady_load_is_never_overwhelmed(tmp_path: Path) -> None:
    state = TrialState(Story(DRAIN).trial(), tmp_path / "none")
    for half in range(40):
        state.see(summed(half / 2, 900.0))
    assert not state.is_overwhelmed()
