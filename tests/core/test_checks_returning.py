"""A server that a fault ends and starts again: it must end in order, come up once more, and be as good as before."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from record_builder import BITE_S, DRAIN, KILLED, Done, Reply, Story, no_answer, ns
from test_checks_premises import verdict_of

from harness.checks.judge import judge_trial
from harness.model.observation import BootEnded, FaultChanged, InFlightEnded, Observation, ProbeOutcome
from harness.model.record import TrialRecord
from harness.model.request import RequestLine
from harness.model.rows import Outcome
from harness.model.scenario import Scenario, fault
from harness.model.target import Scalar
from harness.servers import server_of

RESTARTED = Scenario("restarted", "Is it back?", faults=(fault("server.restart", for_s=6),), ready="any")
ALONE = Scenario("alone", "Does it start?", faults=(fault("server.boot-without-postgres", for_s=16),), ready="any")
LIFT_S = BITE_S + 6
ENDED: Mapping[str, Scalar] = {"pid": 100, "exit_code": 0, "killed": False, "ended_ms": 1500}


def away(at_s: float, _line: RequestLine) -> Done:
    """Nobody answers from a second after SIGTERM until the lift: connections are closed at once."""
    return Done(0.002, Outcome.EOF_FRESH) if BITE_S + 1 <= at_s < LIFT_S else Done()


def held(outcome: ProbeOutcome = "answered") -> InFlightEnded:
    asked = ns(BITE_S)
    answered = outcome == "answered"
    status, done = (201 if answered else -1), asked + ns(0.5)
    key = 3  # that of a write of the load, which is stored
    return InFlightEnded("create", 101, asked - ns(0.4), outcome, status, key, asked - ns(0.5), done)


def restarted(
    story: Story | None = None,
    *,
    told: Mapping[str, Scalar] = ENDED,
    took_s: float = 1.5,
    hand: ProbeOutcome = "answered",
) -> TrialRecord:
    """The record of a restart: SIGTERM took so long, and one request was in hand."""
    plus: tuple[Observation, ...] = (held(hand), BootEnded(True, "", "", ns(LIFT_S - 2), ns(LIFT_S)))
    made = (story or Story(RESTARTED, request=away)).record(plus=plus)
    seen = tuple(
        replace(here, evidence=told, done_ns=here.sent_ns + ns(took_s))
        if isinstance(here, FaultChanged) and here.action == "apply"
        else here
        for here in made.observations
    )
    return replace(made, observations=seen)


def test_being_away_is_no_failure_and_all_else_is_judged() -> None:
    verdict = judge_trial(restarted())
    names = {seen.check for seen in verdict.verdicts}
    assert names >= {"recovers", "graceful-shutdown", "error-budget", "latency-slo", "nothing-lost"}
    assert verdict.verdict == "pass", [seen for seen in verdict.verdicts if seen.verdict != "pass"]


def test_what_was_in_hand_at_the_restart_must_be_answered() -> None:
    verdict = verdict_of(restarted(hand="eof"), "graceful-shutdown")
    assert verdict.verdict == "fail"
    assert "1 of 3 requests in flight were cut" in verdict.why


@pytest.mark.parametrize(("took_s", "killed"), [(18.0, False), (4.0, True)])
def test_a_restart_that_does_not_end_in_its_time_fails(took_s: float, killed: bool) -> None:
    verdict = verdict_of(restarted(told={**ENDED, "killed": killed}, took_s=took_s), "graceful-shutdown")
    assert verdict.verdict == "fail", verdict.why


def test_a_restart_without_a_request_in_hand_shows_nothing_of_its_end() -> None:
    made = restarted()
    bare = tuple(
        here for here in made.observations if not (isinstance(here, InFlightEnded) and here.done_ns < ns(LIFT_S))
    )
    assert verdict_of(replace(made, observations=bare), "graceful-shutdown").verdict == "inconclusive"


def test_errors_after_the_lift_are_the_services() -> None:
    def request(at_s: float, line: RequestLine) -> Done:
        return away(at_s, line) if at_s < LIFT_S else Done(0.002, Outcome.BAD_STATUS)

    verdict = verdict_of(restarted(Story(RESTARTED, request=request)), "recovers")
    assert verdict.verdict == "fail"


@pytest.mark.parametrize(("scenario", "name"), [(RESTARTED, "restart"), (ALONE, "boot-without-postgres")])
def test_a_second_start_that_fails_is_told_with_its_fault_and_all_else_waits(scenario: Scenario, name: str) -> None:
    boot = BootEnded(False, "The server ended with exit code 3 before it answered.", "Refused", ns(13), ns(16))
    verdict = judge_trial(Story(scenario).record(plus=(boot,)))
    starts = next(seen for seen in verdict.verdicts if seen.check == "starts")
    assert starts.why == (
        f"The service did not come up again (server.{name}) in 3.0 s: The server ended with exit code 3 before it"
        " answered."
    )
    assert starts.evidence["log_tail"] == "Refused"
    assert [seen.check for seen in verdict.verdicts if seen.verdict == "fail"] == ["starts"]


def test_recovery_is_asked_of_what_comes_back_and_not_of_what_was_ended() -> None:
    assert "recovers" in {seen.check for seen in judge_trial(Story(KILLED).record()).verdicts}
    assert "recovers" not in {seen.check for seen in judge_trial(Story(DRAIN).record()).verdicts}


def test_a_part_that_a_fault_of_the_server_breaks_must_be_on_the_path_of_the_app() -> None:
    def told(path: tuple[int, int]) -> TrialRecord:
        made = Story(ALONE, path=path).record()
        seen = tuple(
            replace(here, evidence={"part": "db"}) if isinstance(here, FaultChanged) else here
            for here in made.observations
        )
        return replace(made, observations=seen)

    assert verdict_of(told((4, 0)), "fault-proven").verdict == "pass"
    around = verdict_of(told((4, 2)), "fault-proven")
    assert around.verdict == "inconclusive"
    assert "around the proxy" in around.why


BROKEN = Scenario("reloaded-broken", "Does it go on?", faults=(fault("server.reload-broken", for_s=8),), ready="any")
LIMITS = {"known_limits": server_of("gunicorn-uvicorn").known_limits}


def reloaded(ended: bool | None, story: Story) -> TrialRecord:
    """The record of a broken reload that ended the server, or did not; None: nobody says."""
    told: Mapping[str, Scalar] = {} if ended is None else {"ended": ended}
    made = story.record()
    seen = tuple(
        replace(here, evidence=told) if isinstance(here, FaultChanged) and here.action == "lift" else here
        for here in made.observations
    )
    return replace(made, observations=seen)


def test_old_workers_that_go_on_pass() -> None:
    verdict = verdict_of(reloaded(False, Story(BROKEN)), "survives-bad-reload")
    assert (verdict.verdict, verdict.attributed_to) == ("pass", "app")


def test_a_server_that_a_broken_reload_ends_fails_unless_it_is_known_for_it() -> None:
    verdict = verdict_of(reloaded(True, Story(BROKEN)), "survives-bad-reload")
    assert verdict.verdict == "fail"
    known = verdict_of(reloaded(True, Story(BROKEN, trial_changes=LIMITS)), "survives-bad-reload")
    assert (known.verdict, known.attributed_to) == ("pass", "server")
    assert "F29" in known.why


@pytest.mark.parametrize("changes", [{}, LIMITS])
def test_a_server_that_is_there_and_silent_fails_and_no_limit_is_known_for_that(changes: dict[str, Any]) -> None:
    def live(at_s: float, _via: str, _pid: int) -> Reply:
        return no_answer(1.2) if BITE_S <= at_s < BITE_S + 5 else Reply()

    verdict = verdict_of(reloaded(False, Story(BROKEN, live=live, trial_changes=changes)), "survives-bad-reload")
    assert verdict.verdict == "fail"
    assert "liveness probes in a row failed" in verdict.why


def test_without_a_word_on_the_server_nothing_is_known() -> None:
    assert verdict_of(reloaded(None, Story(BROKEN)), "survives-bad-reload").verdict == "inconclusive"
