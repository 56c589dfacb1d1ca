# mypy: disallow-untyped-defs=False, disallow-incomplete-defs=False, disallow-untyped-calls=False
import pytest

from harness.model.scenario import Scenario, fault
from harness.timeline import BOOT_S, DRAIN_S, PROVE_AFTER_S, WARMUP_S, Action, length_s, proved_after_s, timeline


def scenario(*faults, **fields):
    return Scenario("s", "?", baseline_s=6, recovery_s=10, faults=faults, **fields)


def test_a_fault_is_applied_proved_and_lifted_within_its_phase():
    assert timeline(scenario(fault("postgres.refuse", at_s=1, for_s=8))) == (
        Action(0, "phase", "warmup"),
        Action(3, "phase", "baseline"),
        Action(9, "phase", "fault"),
        Action(10, "apply", index=0),
        Action(10 + PROVE_AFTER_S, "prove", index=0),
        Action(18, "lift", index=0),
        Action(18, "phase", "recovery"),
        Action(28, "phase", "drain"),
    )


def test_without_faults_the_drain_follows_the_baseline():
    assert [action.phase for action in timeline(scenario())] == ["warmup", "baseline", "drain"]


def test_a_fault_that_ends_the_server_is_applied_in_the_drain_and_never_lifted():
    actions = timeline(scenario(fault("server.sigterm")))
    assert [action.phase for action in actions if action.do == "phase"] == ["warmup", "baseline", "drain"]
    assert Action(9, "apply", index=0) in actions
    assert "lift" not in {action.do for action in actions}


def test_a_fault_that_is_over_at_once_is_lifted_with_its_phase():
    actions = timeline(scenario(fault("worker.kill"), fault_s=4))
    assert Action(13, "lift", index=0) in actions
    assert Action(13, "phase", "recovery") in actions


def test_overlapping_faults_keep_the_order_of_time():
    actions = timeline(scenario(fault("postgres.latency", for_s=8), fault("worker.freeze", at_s=2, for_s=3)))
    acts = [(action.do, action.index) for action in actions if action.do != "phase"]
    assert acts == [("apply", 0), ("prove", 0), ("apply", 1), ("prove", 1), ("lift", 1), ("lift", 0)]


@pytest.mark.parametrize("for_s", [0.0, 0.1, 3])
def test_the_proof_comes_before_the_lift_and_every_fault_is_lifted(for_s):
    acts = [action for action in timeline(scenario(fault("postgres.refuse", for_s=for_s))) if action.index == 0]
    times = {action.do: action.at_s for action in acts}
    assert times["apply"] <= times["prove"] <= times["lift"] == WARMUP_S + 6 + for_s


def test_a_short_faults_proof_comes_in_its_middle():
    assert proved_after_s(fault("postgres.refuse")) == PROVE_AFTER_S
    assert proved_after_s(fault("postgres.refuse", for_s=8)) == PROVE_AFTER_S
    assert proved_after_s(fault("postgres.refuse", for_s=PROVE_AFTER_S)) == PROVE_AFTER_S / 2


def test_the_length_is_the_sum_of_the_phases():
    assert length_s(scenario(fault("postgres.refuse", for_s=8))) == BOOT_S + WARMUP_S + 6 + 8 + 10 + DRAIN_S
