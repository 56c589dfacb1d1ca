"""What requests show: recovery, budget, latency, deadlines, acknowledged writes, shutdown. Each both ways."""

from dataclasses import replace
from typing import Any

import pytest
from record_builder import (
    BASELINE,
    BITE_S,
    BLACKHOLE,
    DRAIN,
    FROZEN,
    KILLED,
    REFUSED,
    SLOW,
    Done,
    Reply,
    Story,
    ns,
)
from test_checks_premises import verdict_of

from harness.checks.facts.statistics import lower_bound
from harness.checks.judge import judge_trial
from harness.model.observation import InFlightEnded, KeysStored, OrphansScanned, ServerStopped
from harness.model.record import TrialRecord
from harness.model.rows import Outcome
from harness.model.scenario import Scenario, fault
from harness.model.target import RequestLine, Scalar
from harness.model.verdict import Verdict

LIFT_S = BITE_S + 8.0
BAD = Done(0.02, Outcome.BAD_STATUS)


def broken(start_s: float, end_s: float, done: Done, *, every: int = 1, line: str = ""):  # type: ignore[no-untyped-def]
    """Each `every`-th request in a stretch of the trial ends as `done`."""

    def answer(at_s: float, of: RequestLine) -> Done:
        hit = start_s <= at_s < end_s and (not line or of.name == line) and round(at_s * 50) % every == 0
        return done if hit else Done()

    return answer


@pytest.mark.parametrize(
    ("count", "n", "percent"),
    [(0, 100, 0.0), (1, 100, 0.0253), (2, 300, 0.0808), (10, 100, 4.9), (100, 100, 96.4), (0, 0, 0.0)],
)
def test_the_lower_bound_is_that_of_clopper_and_pearson(count: int, n: int, percent: float) -> None:
    assert lower_bound(count, n) * 100 == pytest.approx(percent, rel=0.01)


@pytest.mark.parametrize(("back_s", "outcome"), [(0.0, "pass"), (4.0, "pass"), (6.0, "fail"), (60.0, "fail")])
def test_requests_must_be_good_again_in_time(back_s: float, outcome: str) -> None:
    story = Story(REFUSED, request=broken(BITE_S, LIFT_S + back_s, BAD, line="list"))
    verdict = verdict_of(story.record(), "recovers")
    assert verdict.verdict == outcome, verdict.why
    if outcome == "fail":
        assert "three good seconds of requests" in verdict.why
        assert "asyncpg" in verdict.advice


@pytest.mark.parametrize(
    ("back_s", "pid", "outcome"), [(4.0, 0, "pass"), (6.5, 0, "fail"), (6.5, 102, "fail"), (60.0, 102, "fail")]
)
def test_readiness_must_be_up_again_on_each_worker(back_s: float, pid: int, outcome: str) -> None:
    def ready(at_s: float, via: str, on: int) -> Reply:
        until_s = LIFT_S + (back_s if not pid or on == pid else 0.5)
        return Reply(status=503) if BITE_S + 1.0 <= at_s < until_s else Reply()

    verdict = verdict_of(Story(REFUSED, ready=ready).record(), "recovers")
    assert verdict.verdict == outcome, verdict.why
    if outcome == "fail":
        assert ("worker 102" if pid else "fresh connections") in verdict.why


def test_a_recovery_that_was_not_watched_long_enough_is_inconclusive() -> None:
    story = Story(REFUSED, request=broken(BITE_S, 60.0, BAD), recovery_s=6.0)
    assert verdict_of(story.record(), "recovers").verdict == "inconclusive"


def test_a_recovery_missed_on_a_late_machine_is_the_rigs() -> None:
    late = Story(
        REFUSED,
        request=broken(BITE_S, LIFT_S + 6.0, BAD, line="list"),
        machine=lambda at_s: {"control_ms": 900.0} if LIFT_S <= at_s < LIFT_S + 6.0 else {},
    )
    verdict = judge_trial(late.record())
    assert verdict.verdict == "inconclusive"


def test_a_fault_without_a_lift_tells_nothing_of_recovery() -> None:
    record = Story(REFUSED).record()
    seen = tuple(here for here in record.observations if getattr(here, "action", "") != "lift")
    assert verdict_of(replace(record, observations=seen), "recovers").verdict == "inconclusive"


@pytest.mark.parametrize(
    ("story", "outcome"),
    [
        (Story(KILLED, new_pid_s=2.0), "pass"),
        (Story(KILLED, new_pid_s=6.0), "pass"),
        (Story(KILLED, new_pid_s=9.0), "fail"),
        (Story(KILLED, new_pid_s=None), "fail"),
        (Story(FROZEN, new_pid_s=5.0), "pass"),
        (Story(FROZEN, new_pid_s=10.0), "pass"),
        (Story(FROZEN, new_pid_s=12.0), "fail"),
    ],
)
def test_a_hurt_worker_must_be_replaced(story: Story, outcome: str) -> None:
    verdict = verdict_of(story.record(), "recovers")
    assert verdict.verdict == outcome, verdict.why


def test_a_frozen_worker_that_thaws_is_back_itself() -> None:
    settings = replace(Story(FROZEN).trial().server_settings, stuck_timeout_s=None)
    story = Story(FROZEN, new_pid_s=None, trial_changes={"server_settings": settings})
    assert verdict_of(story.record(), "recovers").verdict == "pass"


@pytest.mark.parametrize(
    ("answer", "outcome", "words"),
    [
        (broken(5.0, 11.0, BAD, every=300), "pass", "baseline 1 of 300"),
        (broken(5.0, 11.0, BAD, every=50), "fail", "in the baseline"),
        (broken(11.0, 19.0, BAD, line="list"), "pass", ""),
        (broken(11.0, 19.0, BAD, line="static", every=3), "fail", "in the fault"),
        (broken(22.0, 29.0, BAD, every=60), "fail", "in the recovery"),
        (broken(11.0, 19.0, Done(12.0, Outcome.TIMEOUT), line="static"), "fail", "in the fault"),
    ],
)
def test_errors_count_where_the_fault_does_not_excuse_them(answer, outcome: str, words: str) -> None:  # type: ignore[no-untyped-def]
    verdict = verdict_of(Story(REFUSED, request=answer).record(), "error-budget")
    assert verdict.verdict == outcome, verdict.why
    assert words in verdict.why


def test_lines_that_need_what_is_broken_are_told() -> None:
    told = verdict_of(Story(SLOW).record(), "error-budget").evidence["told"]
    assert isinstance(told, dict)
    assert list(told) == ["quote"]
    assert told["quote"]["errors"] > 0


def test_errors_on_a_late_machine_are_the_rigs() -> None:
    def story(late_s: float) -> Story:
        return Story(
            SLOW,
            request=broken(13.0, 13.4, Done(0.3, Outcome.BAD_STATUS), line="list"),
            machine=lambda at_s: {"loop_lag_ms": 400.0} if late_s <= at_s < late_s + 0.5 else {},
        )

    assert verdict_of(story(13.0).record(), "error-budget").verdict == "inconclusive"
    assert verdict_of(story(7.0).record(), "error-budget").verdict == "fail"


def test_few_requests_keep_no_budget() -> None:
    changes: dict[str, Any] = {"slo": replace(Story(BASELINE).trial().slo, error_rate=0.5)}
    verdict = verdict_of(Story(BASELINE, rate=18, trial_changes=changes).record(), "error-budget")
    assert verdict.verdict == "pass"
    assert verdict_of(Story(BASELINE, rate=5).record(), "error-budget").verdict == "inconclusive"


def test_a_service_that_does_not_recover_is_not_charged_twice() -> None:
    judged = judge_trial(Story(REFUSED, request=broken(BITE_S, 60.0, BAD, line="list")).record())
    failed = [verdict.check for verdict in judged.verdicts if verdict.verdict == "fail"]
    assert failed == ["recovers"]


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (broken(BITE_S - 0.05, BITE_S + 0.1, Done(0.1, Outcome.EOF_HEADERS)), "pass"),
        (broken(BITE_S + 1.0, BITE_S + 1.9, Done(0.1, Outcome.EOF_HEADERS)), "fail"),
        (broken(BITE_S - 0.05, BITE_S + 0.1, BAD), "fail"),
    ],
)
def test_a_killed_worker_takes_only_what_it_had_in_hand(answer, outcome: str) -> None:  # type: ignore[no-untyped-def]
    verdict = verdict_of(Story(KILLED, request=answer).record(), "error-budget")
    assert verdict.verdict == outcome, verdict.why


def test_a_frozen_worker_takes_what_hangs_on_it() -> None:
    hung = broken(BITE_S, BITE_S + 4.0, Done(4.5, Outcome.EOF_HEADERS), every=20)
    for check in ("error-budget", "latency-slo"):
        assert verdict_of(Story(FROZEN, request=hung, new_pid_s=5.0).record(), check).verdict == "pass"
    answered = broken(BITE_S, BITE_S + 4.0, BAD, every=20)
    assert verdict_of(Story(FROZEN, request=answered, new_pid_s=5.0).record(), "error-budget").verdict == "fail"


def test_a_worker_that_cannot_get_at_its_part_may_say_so() -> None:
    cut_off = Scenario("cut-off", "?", faults=(fault("worker.pool", for_s=8),), ready="any", min_workers=2)
    for start_s, outcome in ((BITE_S, "pass"), (BITE_S + 12.0, "fail")):
        story = Story(cut_off, request=broken(start_s, start_s + 4.0, BAD, every=10), new_pid_s=None)
        assert verdict_of(story.record(), "error-budget").verdict == outcome


@pytest.mark.parametrize(
    ("id", "line", "outcome"),
    [("worker.pool", "list", "pass"), ("worker.pool", "static", "fail"), ("worker.threads", "static", "pass")],
)
def test_who_may_have_waited_for_what_a_worker_lacks_may_be_late(id: str, line: str, outcome: str) -> None:
    cut_off = Scenario("cut-off", "?", faults=(fault(id, for_s=8),), ready="any", min_workers=2)
    for start_s, told in ((BITE_S, outcome), (BITE_S + 12.0, "fail")):
        story = Story(cut_off, request=broken(start_s, start_s + 6.0, Done(0.4), line=line), new_pid_s=None)
        assert verdict_of(story.record(), "latency-slo").verdict == told


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (broken(5.0, 11.0, Done(0.4), every=100), "pass"),
        (broken(5.0, 11.0, Done(0.4), every=10), "fail"),
        (broken(11.0, 19.0, Done(0.4), line="static"), "fail"),
        (broken(11.0, 19.0, Done(0.4), line="list"), "pass"),
        (broken(23.0, 29.0, Done(0.4), every=10), "fail"),
        (broken(5.0, 11.0, Done(12.0, Outcome.TIMEOUT), every=10, line="list"), "pass"),
    ],
)
def test_latency_counts_where_the_fault_does_not_excuse_it(answer, outcome: str) -> None:  # type: ignore[no-untyped-def]
    """The last: requests that meet the fault belong to it, though they were due in the baseline."""
    verdict = verdict_of(Story(REFUSED, request=answer).record(), "latency-slo")
    assert verdict.verdict == outcome, verdict.why


def test_timeouts_are_over_the_slo() -> None:
    story = Story(BASELINE, request=broken(5.0, 11.0, Done(12.0, Outcome.TIMEOUT), every=10))
    assert verdict_of(story.record(), "latency-slo").verdict == "fail"


def test_few_requests_show_no_percentile() -> None:
    assert verdict_of(Story(BASELINE, rate=30).record(), "latency-slo").verdict == "inconclusive"


@pytest.mark.parametrize(
    ("took", "outcome"),
    [
        (Done(10.3, Outcome.BAD_STATUS), "pass"),
        (Done(12.0, Outcome.TIMEOUT), "fail"),
        (Done(11.0, Outcome.OK), "fail"),
        (Done(60.0, Outcome.TIMEOUT), "fail"),
    ],
)
def test_a_request_may_not_outlast_its_deadline(took: Done, outcome: str) -> None:
    story = Story(BLACKHOLE, request=broken(BITE_S + 0.1, BITE_S + 1.0, took, line="list"))
    verdict = verdict_of(story.record(), "requests-bounded")
    assert verdict.verdict == outcome, verdict.why
    if outcome == "fail":
        assert "limit" in verdict.why or "10 s" in verdict.why


@pytest.mark.parametrize(
    ("took", "outcome"),
    [(Done(3.0, Outcome.BAD_STATUS), "pass"), (Done(12.0, Outcome.TIMEOUT), "fail"), (Done(), "inconclusive")],
)
@pytest.mark.parametrize(("id", "line"), [("worker.pool", "list"), ("worker.threads", "static")])
def test_a_worker_that_is_cut_off_keeps_the_deadline(id: str, line: str, took: Done, outcome: str) -> None:
    """Where nothing shows that a request met the fault, nothing shows that one would have been bounded. Threads are
    needed by requests that need no part, too.
    """
    cut_off = Scenario("cut-off", "?", faults=(fault(id, for_s=13),), ready="any", min_workers=2)
    story = Story(cut_off, request=broken(BITE_S + 0.1, BITE_S + 1.0, took, line=line), new_pid_s=None)
    assert verdict_of(story.record(), "requests-bounded").verdict == outcome


@pytest.mark.parametrize(
    ("asked_s", "waited_s", "outcome"),
    [(12.0, 1.0, "pass"), (12.0, 12.0, "fail"), (12.0, 10.4, "pass"), (10.0, 1.0, "inconclusive")],
)
def test_the_question_that_proved_a_fault_and_was_left_open_is_a_request_too(
    asked_s: float, waited_s: float, outcome: str
) -> None:
    """The load may meet only the other workers."""
    cut_off = Scenario("cut-off", "?", faults=(fault("worker.threads", for_s=13),), ready="any", min_workers=2)
    story = Story(cut_off, new_pid_s=None, lifted={"asked_before_s": asked_s, "waited_s": waited_s})
    verdict = verdict_of(story.record(), "requests-bounded")
    assert verdict.verdict == outcome, verdict.why
    assert ("asyncio.to_thread within asyncio.timeout(3)" in verdict.advice) is (outcome == "fail")


def test_a_question_that_was_left_open_on_a_late_machine_accuses_nobody() -> None:
    """Late now and then, all the time that it was open or only in the first half of it."""
    cut_off = Scenario("cut-off", "?", faults=(fault("worker.threads", for_s=13),), ready="any", min_workers=2)

    def verdict(until_s: float) -> Verdict:
        def machine(at_s: float) -> dict[str, Any]:
            return {"loop_lag_ms": 400.0} if BITE_S <= at_s < until_s and at_s % 3 < 0.5 else {}

        lifted: dict[str, Scalar] = {"asked_before_s": 12.0, "waited_s": 12.0}
        return verdict_of(Story(cut_off, new_pid_s=None, lifted=lifted, machine=machine).record(), "requests-bounded")

    assert verdict(BITE_S + 7).verdict == "fail"
    throughout = verdict(BITE_S + 14)
    assert throughout.verdict == "inconclusive"
    assert "But the machine was not fit at that moment" in throughout.why


def test_a_short_fault_cannot_show_a_missing_deadline() -> None:
    judged = judge_trial(Story(REFUSED).record())
    assert "requests-bounded" in {absent.check for absent in judged.not_applicable}


def test_a_fault_meant_to_outlast_the_deadline_that_did_not_is_inconclusive() -> None:
    scenario = replace(REFUSED, faults=(replace(REFUSED.faults[0], outlasts_deadline=True),))
    assert verdict_of(Story(scenario).record(), "requests-bounded").verdict == "inconclusive"


def test_no_request_that_met_the_fault_shows_no_deadline() -> None:
    lines = tuple(replace(line, needs=()) for line in Story(BLACKHOLE).trial().requests)
    story = Story(BLACKHOLE, trial_changes={"requests": lines})
    assert verdict_of(story.record(), "requests-bounded").verdict == "inconclusive"


def test_an_impatient_client_sees_no_deadline() -> None:
    story = Story(BLACKHOLE, trial_changes={"timeout_s": 5.0})
    assert verdict_of(story.record(), "requests-bounded").verdict == "inconclusive"


def first_stored(record: TrialRecord) -> int:
    rows = record.samples
    return int(rows[(rows["endpoint"] == 2) & (rows["code"] == Outcome.OK)]["k"][40])


def test_an_acknowledged_write_must_be_stored() -> None:
    story = Story(REFUSED)
    lost = first_stored(story.record())
    story.lost = (lost,)
    verdict = verdict_of(story.record(), "nothing-lost")
    assert verdict.verdict == "fail"
    assert verdict.why.startswith("1 of ")
    told = verdict.evidence["lost_keys"]
    assert isinstance(told, list)
    assert told[0].startswith(f"k-{lost} at ")


def test_an_acknowledgement_in_flight_counts_too() -> None:
    record = Story(DRAIN).record()
    stored = record.of(KeysStored)[0]
    without = replace(stored, keys=tuple(pair for pair in stored.keys if pair[0] < 1_000_000_000))
    seen = tuple(without if here is stored else here for here in record.observations)
    assert verdict_of(record, "nothing-lost").verdict == "pass"
    assert verdict_of(replace(record, observations=seen), "nothing-lost").verdict == "fail"


def test_few_acknowledgements_around_the_bite_show_nothing() -> None:
    story = Story(REFUSED, request=broken(5.0, 25.0, BAD, line="create"))
    assert verdict_of(story.record(), "nothing-lost").verdict == "inconclusive"


def test_without_the_ledgers_answer_nothing_is_known_to_be_stored() -> None:
    assert verdict_of(Story(REFUSED).record(without=(KeysStored,)), "nothing-lost").verdict == "inconclusive"


def test_without_a_ledger_nothing_lost_does_not_apply() -> None:
    for changes in ({"ledger": False}, {"requests": Story(REFUSED).trial().requests[:2]}):
        judged = judge_trial(Story(REFUSED, trial_changes=changes).record())
        assert "nothing-lost" in {absent.check for absent in judged.not_applicable}


@pytest.mark.parametrize(
    ("story", "outcome", "words"),
    [
        (Story(DRAIN), "pass", "All 2 requests"),
        (
            Story(DRAIN, in_flight=(Reply(1.0, 201), Reply(0.3, -1, "eof"))),
            "fail",
            "1 of 2 requests in flight were cut",
        ),
        (Story(DRAIN, in_flight=(Reply(1.0, 201), Reply(9.0, -1, "timeout"))), "fail", "1 of 2"),
        (Story(DRAIN, in_flight=(Reply(1.0, 500),)), "pass", "All 1 requests"),
        (Story(DRAIN, in_flight=()), "inconclusive", "0 requests were in flight"),
        (Story(DRAIN, stopped={"killed": True}), "fail", "had to be killed"),
        (Story(DRAIN, stopped={"done_ns": ns(BITE_S + 16.9)}), "pass", ""),
        (Story(DRAIN, stopped={"done_ns": ns(BITE_S + 17.1)}), "fail", "left after 17.1 s"),
        (Story(DRAIN, stopped={"exit_code": 1}), "pass", ""),
        (Story(DRAIN, stopped={"ended_by": "fault"}), "pass", ""),
    ],
)
def test_sigterm_must_drain(story: Story, outcome: str, words: str) -> None:
    verdict = verdict_of(story.record(), "graceful-shutdown")
    assert verdict.verdict == outcome, verdict.why
    assert words in verdict.why


def test_a_load_that_leaves_nothing_in_flight_is_told_what_would() -> None:
    assert "Declare a POST" in verdict_of(Story(DRAIN, in_flight=()).record(), "graceful-shutdown").advice
    held_too_late = InFlightEnded("create", -1, ns(BITE_S - 0.1), "eof", -1, -1, ns(BITE_S - 0.2), ns(BITE_S + 0.5))
    record = Story(DRAIN, in_flight=()).record()
    record = replace(record, observations=(*record.observations, held_too_late))
    assert verdict_of(record, "graceful-shutdown").advice == ""


def test_requests_of_the_load_are_in_flight_too() -> None:
    cut = broken(BITE_S - 0.5, BITE_S - 0.4, Done(1.0, Outcome.EOF_HEADERS))
    assert verdict_of(Story(DRAIN, request=cut).record(), "graceful-shutdown").verdict == "fail"
    too_late = broken(BITE_S - 0.2, BITE_S, Done(1.0, Outcome.EOF_HEADERS))
    assert verdict_of(Story(DRAIN, request=too_late).record(), "graceful-shutdown").verdict == "pass"


def test_a_request_accepted_too_late_is_not_held_against_the_server() -> None:
    record = Story(DRAIN).record(without=(InFlightEnded,))
    late = InFlightEnded("create", -1, ns(BITE_S - 0.1), "eof", -1, -1, ns(BITE_S - 0.2), ns(BITE_S + 0.5))
    record = replace(record, observations=(*record.observations, late))
    assert verdict_of(record, "graceful-shutdown").verdict == "inconclusive"


def test_each_trial_ends_with_a_drain_where_requests_could_be_held() -> None:
    assert verdict_of(Story(REFUSED).record(), "graceful-shutdown").verdict == "pass"
    cut = Story(REFUSED, in_flight=(Reply(0.3, -1, "reset"),))
    assert verdict_of(cut.record(), "graceful-shutdown").verdict == "fail"
    judged = judge_trial(Story(REFUSED).record(without=(InFlightEnded,)))
    assert "graceful-shutdown" in {absent.check for absent in judged.not_applicable}


def test_without_the_servers_end_nothing_is_known_of_its_grace() -> None:
    assert verdict_of(Story(DRAIN).record(without=(ServerStopped,)), "graceful-shutdown").verdict == "inconclusive"


def test_nothing_of_the_deployment_may_be_left() -> None:
    verdict = verdict_of(Story(DRAIN, orphans=(103,)).record(), "no-orphans")
    assert verdict.verdict == "fail"
    assert verdict.evidence["pids"] == [103]
    assert verdict_of(Story(DRAIN).record(without=(OrphansScanned,)), "no-orphans").verdict == "inconclusive"


def test_a_scan_that_ended_early_shows_no_orphan() -> None:
    record = Story(DRAIN).record(without=(OrphansScanned,))
    short = OrphansScanned((103,), ("worker",), ns(14.0), ns(16.0))
    record = replace(record, observations=(*record.observations, short))
    assert verdict_of(record, "no-orphans").verdict == "inconclusive"
