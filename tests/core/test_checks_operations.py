"""Operations of the server: the service has to go on through them, and what its server is known for is told apart."""

from dataclasses import replace

import pytest
from record_builder import BITE_S, Done, Reply, Story, ns
from test_checks_premises import verdict_of

from harness.checks.judge import judge_trial
from harness.model.observation import FaultChanged, WorkersSeen
from harness.model.record import TrialRecord
from harness.model.rows import Outcome
from harness.model.scenario import Scenario, fault
from harness.model.target import RequestLine
from harness.servers import server_of

RELOAD = Scenario("reload", "Does it go on?", faults=(fault("server.sighup"),), fault_s=12)
DEAD = Scenario("master-killed", "What is left?", faults=(fault("server.kill"),), ready="any")
LIMITS = {"known_limits": server_of("gunicorn-uvicorn").known_limits}


def silent(for_s: float) -> Story:
    """Nothing is answered from the reload on, for so long; then all of it. The boot of the builder takes 2 s."""
    end_s = BITE_S + for_s

    def wait_s(at_s: float) -> float:
        return end_s - at_s if BITE_S <= at_s < end_s else 0.0

    def request(at_s: float, _line: RequestLine) -> Done:
        return Done(0.01 + wait_s(at_s))

    def probe(at_s: float, _via: str, _pid: int) -> Reply:
        return Reply(0.004 + wait_s(at_s))

    return Story(RELOAD, ready=probe, live=probe, request=request)


def losing(count: int) -> Story:
    """So many requests break off while the workers change."""
    moments = [BITE_S + 0.5 + i * 0.02 for i in range(count)]

    def request(at_s: float, _line: RequestLine) -> Done:
        lost = any(abs(at_s - moment) < 0.005 for moment in moments)
        return Done(0.01, Outcome.RESET_REUSED) if lost else Done()

    return Story(RELOAD, request=request)


def reloaded(record: TrialRecord) -> TrialRecord:
    """Both workers are others from a second after the reload on."""
    seen = tuple(
        replace(here, pids=(103, 104)) if isinstance(here, WorkersSeen) and here.done_ns > ns(BITE_S + 1) else here
        for here in record.observations
    )
    return replace(record, observations=seen)


def test_all_is_judged_through_an_operation_that_costs_nothing() -> None:
    verdict = judge_trial(Story(RELOAD).record())
    assert {seen.check for seen in verdict.verdicts} >= {"recovers", "liveness-holds", "error-budget", "latency-slo"}
    assert verdict.verdict == "pass", [seen for seen in verdict.verdicts if seen.verdict != "pass"]


def test_all_workers_may_be_new_after_a_reload_and_no_more() -> None:
    assert verdict_of(reloaded(Story(RELOAD).record()), "no-restart-storm").verdict == "pass"
    scaled = Scenario("scaled-up", "Does it go on?", faults=(fault("server.scale-up", for_s=8),))
    assert verdict_of(reloaded(Story(scaled).record()), "no-restart-storm").verdict == "fail"


@pytest.mark.parametrize("check", ["latency-slo", "readiness-flips", "liveness-holds", "readiness-bounded"])
def test_a_silence_as_long_as_a_boot_is_the_servers_and_a_longer_one_is_not(check: str) -> None:
    known = replace(silent(3.7), trial_changes=LIMITS).record()
    assert verdict_of(known, check).verdict == "pass"
    assert verdict_of(replace(silent(6.0), trial_changes=LIMITS).record(), check).verdict == "fail"


@pytest.mark.parametrize(("for_s", "outcome"), [(3.7, "pass"), (6.0, "inconclusive")])
def test_a_known_silence_stays_known_on_a_busy_machine(for_s: float, outcome: str) -> None:
    busy = replace(silent(for_s), machine=lambda _: {"foreign_cpu_share": 0.9, "cpu_pressure_share": 0.9})
    assert verdict_of(busy.record(), "latency-slo").verdict == "inconclusive"
    assert verdict_of(replace(busy, trial_changes=LIMITS).record(), "latency-slo").verdict == outcome


def test_a_start_that_the_fault_makes_slower_may_be_silent_for_longer() -> None:
    def slower(for_s: float) -> TrialRecord:
        made = replace(silent(for_s), trial_changes=LIMITS).record()
        seen = tuple(
            replace(here, evidence={"start_s": 4.0})
            if isinstance(here, FaultChanged) and here.action == "apply"
            else here
            for here in made.observations
        )
        return replace(made, observations=seen)

    assert verdict_of(slower(7.5), "latency-slo").verdict == "pass"
    assert verdict_of(slower(9.5), "latency-slo").verdict == "fail"


def test_what_is_known_is_told_and_without_it_the_failure_stands() -> None:
    verdict = verdict_of(replace(silent(3.7), trial_changes=LIMITS).record(), "latency-slo")
    assert (verdict.attributed_to, verdict.advice) == ("server", "")
    assert "known limit of the server" in verdict.why
    bare = verdict_of(silent(3.7).record(), "latency-slo")
    assert (bare.verdict, bare.attributed_to) == ("fail", "app")


@pytest.mark.parametrize(("count", "outcome"), [(5, "pass"), (6, "fail")])
def test_a_few_requests_that_break_off_are_the_servers(count: int, outcome: str) -> None:
    verdict = verdict_of(replace(losing(count), trial_changes=LIMITS).record(), "error-budget")
    assert verdict.verdict == outcome, verdict.why
    assert verdict_of(losing(5).record(), "error-budget").verdict == "fail"


@pytest.mark.parametrize(("until_s", "outcome"), [(2.0, "pass"), (3.0, "fail")])
def test_readiness_may_say_of_a_worker_that_it_goes_but_not_of_the_service(until_s: float, outcome: str) -> None:
    def ready(at_s: float, via: str, _pid: int) -> Reply:
        return Reply(status=503) if via == "fresh" and BITE_S <= at_s < BITE_S + until_s else Reply()

    assert verdict_of(Story(RELOAD, ready=ready).record(), "readiness-flips").verdict == outcome


@pytest.mark.parametrize(("left", "outcome"), [((101, 102), "pass"), ((101, 102, 103), "fail")])
def test_workers_that_outlive_a_killed_supervisor_are_the_servers(left: tuple[int, ...], outcome: str) -> None:
    verdict = verdict_of(Story(DEAD, orphans=left, trial_changes=LIMITS).record(), "no-orphans")
    assert verdict.verdict == outcome, verdict.why
    assert verdict_of(Story(DEAD, orphans=left).record(), "no-orphans").verdict == "fail"
    absent = {seen.check for seen in judge_trial(Story(DEAD).record()).not_applicable}
    assert {"graceful-shutdown", "recovers"} <= absent
