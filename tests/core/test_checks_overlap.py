"""Two faults that overlap are two: each is over at its own time."""

from dataclasses import replace

import pytest
from record_builder import BITE_S, Story, ns
from test_checks_premises import verdict_of

from harness.model.observation import FaultChanged
from harness.model.scenario import Scenario, fault


@pytest.mark.parametrize(("new_pid_s", "outcome"), [(2.0, "pass"), (None, "fail")])
def test_a_worker_is_back_before_the_other_fault_is_lifted(new_pid_s: float | None, outcome: str) -> None:
    """A supervisor waits for no database: its time runs from the kill."""
    both = (fault("worker.kill"), fault("postgres.refuse", for_s=12))
    story = Story(Scenario("both", "Is it replaced?", faults=both, ready="any"), new_pid_s=new_pid_s)
    record = story.record()
    database = [
        FaultChanged("db.refuse", "apply", True, "done", {}, ns(BITE_S), ns(BITE_S + 0.02)),
        FaultChanged("db.refuse", "prove", True, "done", {}, ns(BITE_S + 0.5), ns(BITE_S + 0.6)),
        FaultChanged("db.refuse", "lift", True, "done", {}, ns(story.lift_s), ns(story.lift_s + 0.02)),
    ]
    seen = sorted([*record.observations, *database], key=lambda here: here.done_ns)
    verdict = verdict_of(replace(record, observations=tuple(seen)), "recovers")
    assert verdict.verdict == outcome, verdict.why
