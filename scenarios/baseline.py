"""Nothing is broken. What the service does now is what every other scenario is compared with."""

from harness.model.scenario import Scenario

SCENARIO = Scenario(
    name="baseline",
    asks="Does the service meet its objectives when nothing is wrong, and does it end cleanly?",
    baseline_s=10,
)
