"""A server that ends with the worker that was hurt: nobody is left to ask, and that is what is found."""

from dataclasses import replace

import pytest
from record_builder import BITE_S, KILLED, Done, Reply, Story, ns
from test_checks_premises import verdict_of

from harness.model.observation import ProbeAnswered, WorkersSeen
from harness.model.record import TrialRecord
from harness.model.rows import Outcome
from harness.model.target import RequestLine

GONE_S = BITE_S
REFUSED = Reply(0.001, -1, "refused")


def ready(at_s: float, _via: str, _pid: int) -> Reply:
    return Reply() if at_s < GONE_S else REFUSED


def request(at_s: float, _line: RequestLine) -> Done:
    return Done() if at_s < GONE_S else Done(0.001, Outcome.REFUSED)


def gone(after_s: float = 0.0) -> TrialRecord:
    story = Story(KILLED, ready=ready, live=ready, request=request, in_flight=(), stopped={"ended_by": "itself"})
    record = story.record()
    left = [
        replace(seen, pids=()) if isinstance(seen, WorkersSeen) and seen.done_ns >= ns(GONE_S + after_s) else seen
        for seen in record.observations
        if not (isinstance(seen, ProbeAnswered) and seen.via == "pinned" and seen.done_ns >= ns(GONE_S))
    ]
    return replace(record, observations=tuple(left))


@pytest.mark.parametrize("after_s", [0.0, 0.6])
def test_a_service_that_is_gone_does_not_recover(after_s: float) -> None:
    """Also where its other worker was still there for a moment."""
    verdict = verdict_of(gone(after_s), "recovers")
    assert verdict.verdict == "fail"
    assert "readiness up never" in verdict.why


def test_workers_that_nobody_asked_are_another_matter() -> None:
    record = gone()
    there = tuple(
        replace(seen, pids=(102, 103)) if isinstance(seen, WorkersSeen) and not seen.pids else seen
        for seen in record.observations
    )
    assert verdict_of(replace(record, observations=there), "recovers").verdict == "inconclusive"


def test_a_server_that_ended_before_it_was_asked_did_not_drain() -> None:
    verdict = verdict_of(gone(), "graceful-shutdown")
    assert verdict.verdict == "fail"
    assert "by itself" in verdict.why
