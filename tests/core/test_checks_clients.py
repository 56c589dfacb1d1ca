"""Clients that behave badly break nothing that a request line needs: everybody else must not notice them."""

import pytest
from record_builder import BITE_S, Done, Reply, Story
from test_checks_premises import verdict_of

from harness.checks.facts.troubles import untouched_lines
from harness.model.rows import Outcome
from harness.model.scenario import Scenario, fault
from harness.model.target import RequestLine

IDLE = Scenario("clients-idle", "Does it go on?", faults=(fault("client.idle", for_s=8),), ready="up")


def _meanwhile(at_s: float) -> bool:
    return BITE_S + 1 <= at_s < BITE_S + 7


def test_no_line_needs_what_clients_break() -> None:
    record = Story(IDLE).record()
    assert untouched_lines(record) == tuple(range(len(record.trial.requests)))


@pytest.mark.parametrize("check", ["error-budget", "latency-slo", "readiness-flips", "liveness-holds", "recovers"])
def test_a_service_that_does_not_notice_passes(check: str) -> None:
    assert verdict_of(Story(IDLE).record(), check).verdict == "pass"


def test_others_that_are_turned_away_are_held_against_the_service() -> None:
    def turned_away(at_s: float, _: RequestLine) -> Done:
        return Done(0.01, Outcome.BAD_STATUS) if _meanwhile(at_s) else Done()

    assert verdict_of(Story(IDLE, request=turned_away).record(), "error-budget").verdict == "fail"


def test_others_that_wait_are_held_against_the_service() -> None:
    def late(at_s: float, _: RequestLine) -> Done:
        return Done(1.0) if _meanwhile(at_s) else Done()

    assert verdict_of(Story(IDLE, request=late).record(), "latency-slo").verdict == "fail"


def test_probes_that_are_turned_away_are_held_against_the_service() -> None:
    def said(at_s: float, _: str, __: int) -> Reply:
        return Reply(status=503) if _meanwhile(at_s) else Reply()

    assert verdict_of(Story(IDLE, ready=said).record(), "readiness-flips").verdict == "fail"
    assert verdict_of(Story(IDLE, live=said).record(), "liveness-holds").verdict == "fail"
