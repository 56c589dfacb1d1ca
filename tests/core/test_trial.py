"""What a trial says of itself beyond its fields."""

import pytest
from record_builder import REFUSED, Story

from harness.model.trial import ServerSettings


@pytest.mark.parametrize(
    ("termination_s", "graceful_s", "grace_s"), [(None, 15.0, 18.0), (None, None, 33.0), (20.0, 15.0, 20.0)]
)
def test_a_server_may_take_what_the_target_declares_or_a_little_more_than_it_takes_itself(
    termination_s: float | None, graceful_s: float | None, grace_s: float
) -> None:
    settings = ServerSettings(graceful_s=graceful_s)
    trial = Story(REFUSED, trial_changes={"server_settings": settings, "termination_s": termination_s}).trial()
    assert trial.grace_s == grace_s
