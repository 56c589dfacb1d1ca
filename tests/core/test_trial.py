"""How long things may take in a trial: its server to end, its load to go on."""

from dataclasses import replace

import pytest
from record_builder import REFUSED, Story

from harness.loading import SPARE_S, schedule_s
from harness.model.scenario import Scenario
from harness.model.trial import ServerSettings
from harness.timeline import WARMUP_CAP_S, WARMUP_S, ends_server, timeline
from scenarios import SCENARIOS


@pytest.mark.parametrize(
    ("termination_s", "graceful_s", "grace_s"), [(None, 15.0, 18.0), (None, None, 33.0), (20.0, 15.0, 20.0)]
)
def test_a_server_may_take_what_the_target_declares_or_a_little_more_than_it_takes_itself(
    termination_s: float | None, graceful_s: float | None, grace_s: float
) -> None:
    settings = ServerSettings(graceful_s=graceful_s)
    trial = Story(REFUSED, trial_changes={"server_settings": settings, "termination_s": termination_s}).trial()
    assert trial.grace_s == grace_s


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
def test_the_load_outlasts_every_phase_at_its_longest(scenario: Scenario) -> None:
    trial = replace(Story(REFUSED).trial(), scenario=scenario)
    drained_s = next(act.at_s for act in timeline(scenario) if act.phase == "drain") + WARMUP_CAP_S - WARMUP_S
    ended_s = drained_s + (trial.grace_s if ends_server(scenario) else 0.0)
    assert schedule_s(trial) >= ended_s + SPARE_S
