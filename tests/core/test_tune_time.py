"""How the minutes of a tuning are spent, and when a staircase has shown enough."""

from collections.abc import Sequence
from pathlib import Path

import pytest
from record_builder import Story

from harness.cli.tune_time import Budget
from harness.model.load_shape import Step
from harness.model.observation import LoadSummed
from harness.model.scenario import Scenario
from harness.trial_state import TrialState

DRAIN = Scenario("drain", "Does it drain?", baseline_s=6)


class Clock:
    """Stands still until a trial is told to have been run."""

    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


def run(budget: Budget, clock: Clock, name: str, seconds: float, loaded_s: float = 0.0) -> None:
    clock.now_s += seconds
    budget.spent(name, seconds, loaded_s)


def begun(total_s: float, *, thorough: bool, scenarios_s: Sequence[float] = ()) -> tuple[Budget, Clock]:
    clock = Clock()
    return Budget(total_s, scenarios_s, thorough=thorough, clock=clock), clock


def test_one_trial_is_run_however_little_time_there_is() -> None:
    budget, clock = begun(30.0, thorough=False, scenarios_s=[17.0])
    assert budget.may_search()
    run(budget, clock, "climb", 25.0)
    assert not budget.may_search()


def test_the_search_leaves_time_for_two_rounds_of_scenarios_and_for_pairs() -> None:
    budget, clock = begun(120.0, thorough=False, scenarios_s=[17.0])
    run(budget, clock, "climb", 20.0, loaded_s=12.0)
    run(budget, clock, "drain", 20.0)  # no measure for a climb
    assert budget.may_search()
    thorough, clock = begun(320.0, thorough=True, scenarios_s=[17.0])
    run(thorough, clock, "climb", 20.0, loaded_s=12.0)
    assert not thorough.may_search()


def test_an_app_that_boots_slowly_leaves_less_time_to_search() -> None:
    quick, clock = begun(120.0, thorough=False, scenarios_s=[17.0])
    run(quick, clock, "climb", 40.0, loaded_s=32.0)
    assert quick.may_search()
    slow, clock = begun(120.0, thorough=False, scenarios_s=[17.0])
    run(slow, clock, "climb", 40.0, loaded_s=10.0)
    assert not slow.may_search()


def test_a_search_that_ended_for_want_of_time_does_not_begin_again() -> None:
    budget, clock = begun(200.0, thorough=False, scenarios_s=[30.0])
    run(budget, clock, "climb", 40.0, loaded_s=2.0)
    assert not budget.may_search()
    for _ in range(4):
        run(budget, clock, "drain", 1.0, loaded_s=1.0)
    assert not budget.may_search()


@pytest.mark.parametrize(("total_s", "pair_s", "blocks"), [(100, 28, 0), (200, 28, 3), (300, 28, 5), (9999, 28, 10)])
@pytest.mark.parametrize("thorough", [True, False])
def test_pairs_are_as_many_as_fit(total_s: float, pair_s: float, blocks: int, thorough: bool) -> None:
    budget, clock = begun(total_s, thorough=thorough)
    run(budget, clock, "climb", 20.0)
    assert budget.blocks == 0
    while budget.one_more():
        before = budget.blocks
        for _ in range(6 if before == 3 else 2):
            run(budget, clock, "climb-paired", pair_s)
    assert budget.blocks == blocks
    assert budget.left_s >= 0


def test_pairs_that_take_longer_than_thought_become_fewer() -> None:
    budget, clock = begun(420.0, thorough=True)
    run(budget, clock, "climb", 20.0)
    assert budget.one_more()
    for _ in range(6):
        run(budget, clock, "climb-paired", 60.0)
    assert not budget.one_more(), "40 s are left, and a block took 120 s"
    assert budget.blocks == 3


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
