"""Does it go on serving after SIGTERM, where whatever routes to it needs a while to notice?"""

from dataclasses import replace

import pytest
from record_builder import BITE_S, DRAIN, Done, Story, ns
from test_checks_premises import verdict_of
from test_checks_requests import broken

from harness.checks.judge import judge_trial
from harness.model.observation import ProbeAnswered, ProbeOutcome, ServerStopped
from harness.model.record import TrialRecord
from harness.model.rows import Outcome
from harness.model.scenario import Scenario, fault
from harness.model.target import Limits

DELAYED = {"limits": Limits(drain_delay_s=1.5)}
WELL = {"done_ns": ns(BITE_S + 2.5)}


def knocked(record: TrialRecord, outcome: ProbeOutcome = "answered", every_s: float = 0.25) -> TrialRecord:
    """Liveness asked on new connections from SIGTERM on."""
    asked = [BITE_S + 0.1 + i * every_s for i in range(4)]
    knocks = [ProbeAnswered("live", "fresh", -1, outcome, 200, ns(at_s), ns(at_s + 0.01)) for at_s in asked]
    return replace(record, observations=(*record.observations, *knocks))


def turned_away(from_s: float, code: Outcome = Outcome.RESET_FRESH) -> Story:
    """From so long after SIGTERM on."""
    request = broken(BITE_S + from_s, BITE_S + 9, Done(0.002, code))
    return Story(DRAIN, request=request, trial_changes=DELAYED, stopped=WELL)


@pytest.mark.parametrize("code", [Outcome.REFUSED, Outcome.RESET_FRESH, Outcome.EOF_FRESH])
def test_nobody_may_be_turned_away_before_the_delay_is_over(code: Outcome) -> None:
    verdict = verdict_of(knocked(turned_away(0.1, code).record()), "drain-delay")
    assert verdict.verdict == "fail"
    assert (
        "70 of 79 requests that were sent in the first 1.5 s after SIGTERM were turned away, the first after 0.10 s"
        in (verdict.why)
    )
    assert "/ready" in verdict.advice
    assert "grace (15 s here)" in verdict.advice
    assert verdict_of(knocked(turned_away(1.5, code).record()), "drain-delay").verdict == "pass"


def test_a_kept_connection_that_ends_is_none_that_is_turned_away() -> None:
    verdict = verdict_of(knocked(turned_away(0.1, Outcome.EOF_REUSED).record()), "drain-delay")
    assert verdict.verdict == "pass"
    assert verdict.evidence == {"requests": 75, "new_connections": 4, "turned_away": 0, "ended_after_s": 2.5}


@pytest.mark.parametrize("outcome", ["refused", "reset", "eof"])
def test_kept_connections_that_are_served_do_not_hide_a_shut_door(outcome: ProbeOutcome) -> None:
    verdict = verdict_of(knocked(turned_away(9).record(), outcome), "drain-delay")
    assert verdict.verdict == "fail"
    assert verdict.evidence["turned_away"] == 4


def test_a_server_that_is_gone_is_not_served() -> None:
    story = Story(DRAIN, trial_changes=DELAYED, stopped={"done_ns": ns(BITE_S + 0.4)})
    verdict = verdict_of(story.record(), "drain-delay")
    assert verdict.verdict == "fail"
    assert "gone 0.40 s after SIGTERM (limit 1.5 s)" in verdict.why


def test_too_few_new_connections_show_nothing() -> None:
    """However many requests of the load were served on kept ones."""
    verdict = verdict_of(knocked(turned_away(9).record(), every_s=0.9), "drain-delay")
    assert verdict.verdict == "inconclusive"
    assert verdict.evidence["requests"] == 75
    assert verdict_of(turned_away(9).record(), "drain-delay").verdict == "inconclusive"


def test_without_an_end_that_was_asked_for_nothing_is_said() -> None:
    assert verdict_of(turned_away(9).record(without=(ServerStopped,)), "drain-delay").verdict == "inconclusive"
    gone = Story(DRAIN, trial_changes=DELAYED, stopped={"ended_by": "itself"})
    assert verdict_of(gone.record(), "drain-delay").verdict == "inconclusive"


@pytest.mark.parametrize(
    ("story", "why"),
    [
        (Story(DRAIN), "limits.drain_delay_s is 0"),
        (Story(Scenario("calm", "Is it well?"), trial_changes=DELAYED), "no load is on"),
        (
            Story(Scenario("dead", "?", faults=(fault("server.kill"),), ready="any"), trial_changes=DELAYED),
            "no load is on",
        ),
    ],
)
def test_it_is_judged_only_where_a_delay_is_asked_for(story: Story, why: str) -> None:
    absent = {each.check: each.why for each in judge_trial(story.record()).not_applicable}
    assert why in absent["drain-delay"]


def test_what_was_turned_away_is_told_without_a_delay_too() -> None:
    story = replace(turned_away(0.1), trial_changes={})
    verdict = verdict_of(story.record(), "graceful-shutdown")
    assert verdict.verdict == "pass"
    assert verdict.evidence["turned_away_after"] == 95
