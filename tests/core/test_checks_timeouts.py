"""timeouts-ordered, both ways: for each inequality a record that breaks it, and only its pair is accused."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from record_builder import BASELINE, BITE_S, BLACKHOLE, DRAIN, FROZEN, REFUSED, Done, Reply, Story, ns
from test_checks_premises import verdict_of

from harness.checks.facts.troubles import sigterm_ns
from harness.checks.judge import judge_trial
from harness.model.observation import DatabaseSampled, FaultChanged, LogNoted, SessionLimits
from harness.model.record import TrialRecord
from harness.model.rows import Outcome
from harness.model.scenario import Scenario, fault
from harness.model.target import RequestLine, Slo
from harness.model.trial import ServerSettings

NAME = "timeouts-ordered"
LOCKED = Scenario("db-locked", "Is it bounded?", faults=(fault("postgres.lock", for_s=13),), ready="any")
LOCKED_END = Scenario(
    "locked-end", "Is it answered?", faults=(fault("postgres.lock"), fault("server.sigterm")), ready="any"
)
BRIEFLY = Scenario("db-briefly", "Is it bounded?", faults=(fault("postgres.lock", for_s=4),), ready="any")


def pairs_of(record: TrialRecord) -> dict[str, bool]:
    verdict = verdict_of(record, NAME)
    pairs: Any = verdict.evidence["pairs"]
    return {pair["pair"]: pair["holds"] for pair in pairs}


def why_absent(record: TrialRecord) -> str:
    return next(absent.why for absent in judge_trial(record).not_applicable if absent.check == NAME)


def locked(
    command_s: float,
    *,
    statement_s: float = 0.0,
    timed_out: int = 0,
    cancelled: int = 8,
    scenario: Scenario = LOCKED,
    changes: dict[str, Any] | None = None,
) -> TrialRecord:
    """Statements wait for a locked table, each for as long as somebody lets it; then it is ended, by whom is given."""
    story = Story(scenario, trial_changes=changes or {})
    looks = []
    for second in range(3, round(story.drain_s)):
        within = BITE_S < second < story.lift_s
        done = max(0, min(second - BITE_S - 2, 1))
        oldest_s = min(command_s, second - BITE_S) if within else 0.0
        ended_by = (round(timed_out * done), round(cancelled * done))
        at = ns(second)
        looks.append(DatabaseSampled("db", 6, 1, 0, 100, at, at, 4, 0, oldest_s, *ended_by))
    read = SessionLimits("db", statement_s, 0.0, 0.0, ns(2), ns(2))
    return story.record(without=(DatabaseSampled,), plus=[*looks, read])


def test_a_statement_that_the_server_ends_first_is_in_order() -> None:
    assert pairs_of(locked(2.5, statement_s=2.5, timed_out=8, cancelled=0)) == {"statement < command": True}
    own = locked(2.5, timed_out=8, cancelled=0)
    assert pairs_of(own) == {"statement < command": True}, "a limit of the app's own sessions shows in the log"


def test_a_statement_that_the_driver_gives_up_before_the_server_would_is_inverted() -> None:
    record = locked(3.0, statement_s=5.0)
    verdict = verdict_of(record, NAME)
    assert (verdict.verdict, pairs_of(record)["statement < command"]) == ("fail", False)
    assert "statement 5 s (the role's statement_timeout)" in verdict.why
    assert "command 3 s (at least, measured" in verdict.why
    assert "ALTER ROLE" in verdict.advice
    assert pairs_of(record) == {"statement < command": False, "acquire + 2 × command < request": True}


def test_without_a_statement_timeout_nobody_is_accused() -> None:
    assert pairs_of(locked(3.0)) == {"acquire + 2 × command < request": True}


def test_some_of_both_tell_nothing() -> None:
    assert NAME in {absent.check for absent in judge_trial(locked(2.5, timed_out=4, cancelled=4)).not_applicable}


def test_twice_a_command_above_the_deadline_is_inverted_though_no_request_was_late() -> None:
    record = locked(6.0)
    verdict = verdict_of(record, NAME)
    assert (verdict.verdict, pairs_of(record)) == ("fail", {"acquire + 2 × command < request": False})
    assert "request 10 s (slo.deadline_s)" in verdict.why
    assert "given up by their client" in verdict.why
    assert verdict_of(record, "requests-bounded").verdict == "pass"


def test_a_server_whose_log_is_not_ours_does_not_tell_who_ended_a_statement() -> None:
    record = locked(3.0, statement_s=5.0)
    hidden = tuple(
        replace(seen, timed_out=-1, cancelled=-1) if isinstance(seen, DatabaseSampled) else seen
        for seen in record.observations
    )
    assert "first" in why_absent(replace(record, observations=hidden))


@pytest.mark.parametrize("record", [locked(4.0, scenario=BRIEFLY), locked(0.1, cancelled=0)], ids=["short", "unmet"])
def test_a_lock_that_is_short_or_that_nobody_met_shows_nothing(record: TrialRecord) -> None:
    assert "first" in why_absent(record)


@pytest.mark.parametrize(("after_s", "holds"), [(3.0, True), (-1.0, None)])
def test_what_a_killed_worker_had_asked_is_not_taken_for_the_patience_of_a_driver(
    after_s: float, holds: bool | None
) -> None:
    whole, at_ns = locked(8.0), ns(BITE_S + after_s)
    assert pairs_of(whole) == {"acquire + 2 × command < request": False}
    killed = FaultChanged("worker.kill", "apply", True, "", {"pid": 101}, at_ns, at_ns)
    record = replace(whole, observations=(*whole.observations, killed, replace(killed, action="prove")))
    if holds is None:
        assert "first" in why_absent(record)
    else:
        assert pairs_of(record) == {"acquire + 2 × command < request": holds}


@pytest.mark.parametrize(("after_s", "holds"), [(3.0, True), (-1.0, False)])
def test_nor_what_one_had_asked_that_its_supervisor_killed_meanwhile(after_s: float, holds: bool) -> None:
    """One that was killed before the lock has asked nothing in it."""
    whole, at_ns = locked(8.0), ns(BITE_S + after_s)
    killed = LogNoted("worker-timeout", "WORKER TIMEOUT (pid:101)", at_ns, at_ns)
    record = replace(whole, observations=(*whole.observations, killed))
    assert pairs_of(record) == {"acquire + 2 × command < request": holds}


def silent(answer: Callable[[float], Done], **changes: Any) -> TrialRecord:
    def request(at_s: float, line: RequestLine) -> Done:
        return answer(at_s) if "db" in line.needs and BITE_S <= at_s < BITE_S + 12 else Done()

    return Story(BLACKHOLE, request=request, trial_changes=changes).record()


def test_a_service_that_gives_up_in_time_is_in_order() -> None:
    record = silent(lambda at_s: Done(5.0, Outcome.BAD_STATUS))
    assert pairs_of(record) == {"acquire + 2 × command < request": True, "request < client": True}
    assert "request 5 s (measured: the longest that the service took" in verdict_of(record, NAME).why


def test_a_service_that_gives_up_after_its_deadline_and_before_its_client_is_inverted_there() -> None:
    record = silent(lambda at_s: Done(11.0, Outcome.BAD_STATUS))
    verdict = verdict_of(record, NAME)
    assert (verdict.verdict, pairs_of(record)) == ("fail", {"acquire + 2 × command < request": False})
    assert "request 11 s (measured: the longest that the service took" in verdict.why


def test_a_client_that_is_the_first_to_give_up_shows_that_there_is_no_deadline() -> None:
    record = silent(lambda at_s: Done(11.0, Outcome.TIMEOUT), timeout_s=11.0)
    verdict = verdict_of(record, NAME)
    assert (verdict.verdict, pairs_of(record)) == ("fail", {"request < client": False})
    assert "request never (measured" in verdict.why
    assert "client 11 s (load.timeout_s)" in verdict.why
    limits: Any = verdict.evidence["pairs"]
    assert limits[0]["limits"][0]["s"] is None, "JSON has no infinity"


def test_two_of_them_are_chance() -> None:
    first = {round(BITE_S * 50) + k for k in (1, 9)}

    def answer(at_s: float) -> Done:
        code = Outcome.TIMEOUT if round(at_s * 50) in first else Outcome.BAD_STATUS
        return Done(11.0 if code == Outcome.TIMEOUT else 5.0, code)

    assert pairs_of(silent(answer, timeout_s=11.0))["request < client"] is True


def test_a_client_that_is_declared_to_wait_for_less_than_the_deadline_is_inverted_as_it_stands() -> None:
    record = silent(lambda at_s: Done(2.0, Outcome.BAD_STATUS), timeout_s=4.0)
    assert pairs_of(record) == {"request < client": False}
    assert "request 10 s (slo.deadline_s), client 4 s (load.timeout_s)" in verdict_of(record, NAME).why


def behind_a_proxy(answer: Callable[[float], Done], proxy_s: float, client_s: float = 0.0) -> TrialRecord:
    """With the client's timeout where it is declared; else the load gives up after 12 s."""
    client = {"timeout_s": client_s, "client_declared": True} if client_s else {}
    return silent(answer, proxy_s=proxy_s, **client)


def gives_up_after(took_s: float) -> Callable[[float], Done]:
    return lambda at_s: Done(took_s, Outcome.BAD_STATUS)


def leaves_after(took_s: float) -> Callable[[float], Done]:
    return lambda at_s: Done(took_s, Outcome.TIMEOUT)


def test_with_a_proxy_that_is_declared_both_its_sides_are_judged() -> None:
    record = behind_a_proxy(gives_up_after(5.0), 15.0, 60.0)
    command = {"acquire + 2 × command < request": True}
    assert pairs_of(record) == {**command, "request < proxy": True, "proxy < client": True}
    why = verdict_of(record, NAME).why
    assert "request 5 s (measured: the longest that the service took" in why
    assert "proxy 15 s (target.proxy_timeout_s), client 60 s (load.timeout_s)" in why


def test_a_proxy_that_waits_for_less_than_the_promise_is_inverted_as_it_stands() -> None:
    record = behind_a_proxy(gives_up_after(2.0), 5.0, 60.0)
    verdict = verdict_of(record, NAME)
    assert (verdict.verdict, pairs_of(record)) == ("fail", {"request < proxy": False, "proxy < client": True})
    assert "request 10 s (slo.deadline_s), proxy 5 s (target.proxy_timeout_s)" in verdict.why
    assert "the proxy's 504" in verdict.why
    assert "asyncio.timeout" in verdict.advice


def test_a_client_that_waits_for_less_than_the_proxy_is_inverted_as_it_stands() -> None:
    record = behind_a_proxy(gives_up_after(5.0), 15.0, 12.0)
    verdict = verdict_of(record, NAME)
    kept = {"acquire + 2 × command < request": True, "request < proxy": True}
    assert (verdict.verdict, pairs_of(record)) == ("fail", {**kept, "proxy < client": False})
    assert "proxy 15 s (target.proxy_timeout_s), client 12 s (load.timeout_s)" in verdict.why
    assert "proxy_read_timeout" in verdict.advice


def test_the_patience_of_the_load_is_no_client_that_somebody_declared() -> None:
    record = behind_a_proxy(gives_up_after(5.0), 15.0)
    assert pairs_of(record) == {"acquire + 2 × command < request": True, "request < proxy": True}
    assert "first" in why_absent(behind_a_proxy(leaves_after(11.9), 15.0)), "the proxy waits for longer than was seen"


def test_a_request_that_the_proxy_would_have_given_up_is_measured() -> None:
    never = behind_a_proxy(leaves_after(11.8), 10.5, 11.8)
    assert pairs_of(never) == {"request < proxy": False, "proxy < client": True}
    assert "request never (measured" in verdict_of(never, NAME).why
    slow = Story(
        replace(BLACKHOLE, faults=(fault("dependency.hang", for_s=14),), ready="up"),
        request=lambda at_s, line: Done(11.5, Outcome.BAD_STATUS) if "pricing" in line.needs else Done(),
        trial_changes={"proxy_s": 10.5, "timeout_s": 30.0, "client_declared": True},
    ).record()
    assert pairs_of(slow) == {"request < proxy": False, "proxy < client": True}
    assert "request 11.5 s (measured: the longest that the service took" in verdict_of(slow, NAME).why


def test_two_that_the_proxy_would_have_given_up_are_chance() -> None:
    first = {round(BITE_S * 50) + k for k in (1, 9)}
    late, usual = Done(11.4, Outcome.TIMEOUT), Done(5.0, Outcome.BAD_STATUS)
    record = behind_a_proxy(lambda at_s: late if round(at_s * 50) in first else usual, 10.5, 60.0)
    assert pairs_of(record)["request < proxy"] is True
    assert "request 5 s" in verdict_of(record, NAME).why


def test_what_shows_only_while_the_machine_was_late_is_the_rigs() -> None:
    def request(at_s: float, line: RequestLine) -> Done:
        hit = "db" in line.needs and BITE_S <= at_s < BITE_S + 1
        return Done(10.8, Outcome.TIMEOUT) if hit else Done()

    late = Story(
        BLACKHOLE,
        request=request,
        trial_changes={"timeout_s": 10.8},
        machine=lambda at_s: {"control_ms": 900.0} if at_s >= BITE_S else {},
    )
    verdict = verdict_of(late.record(), NAME)
    assert (verdict.verdict, verdict.attributed_to) == ("inconclusive", "rig")


def ended(in_flight: tuple[Reply, ...] = (Reply(1.5, 201),), *, took_s: float = 1.0, **changes: Any) -> TrialRecord:
    story = Story(DRAIN, trial_changes=changes, in_flight=in_flight)
    return Story(
        DRAIN,
        trial_changes=changes,
        in_flight=in_flight,
        stopped={"done_ns": ns(story.asked_s + took_s)},
    ).record()


def graceful(s: float | None) -> ServerSettings:
    return ServerSettings(stuck_timeout_s=4.0, graceful_s=s)


def test_a_server_that_gives_a_request_all_of_its_deadline_is_in_order() -> None:
    record = ended(server_settings=graceful(30.0))
    assert pairs_of(record) == {"drain + request + close < graceful": True}
    assert "drain 1 s (measured" in verdict_of(record, NAME).why


def test_a_grace_below_the_deadline_is_inverted_though_nothing_was_cut() -> None:
    record = ended(server_settings=graceful(8.0))
    verdict = verdict_of(record, NAME)
    assert (verdict.verdict, pairs_of(record)) == ("fail", {"drain + request + close < graceful": False})
    assert "1 requests were held open across SIGTERM, and 0 cut" in verdict.why
    assert verdict_of(record, "graceful-shutdown").verdict == "pass"


def test_the_time_that_draining_takes_counts() -> None:
    slow: dict[str, Any] = {"took_s": 6.0, "server_settings": graceful(15.0)}
    assert pairs_of(ended(**slow)) == {"drain + request + close < graceful": False}
    uvicorn = ended(**slow, server="uvicorn")
    assert pairs_of(uvicorn) == {"drain + request + close < graceful": True}, "its limit is for requests alone"


def test_a_server_that_used_up_its_grace_does_not_say_what_its_drain_takes() -> None:
    record = ended(took_s=15.0, server_settings=graceful(15.0))
    assert pairs_of(record) == {"drain + request + close < graceful": True}


def test_requests_that_are_cut_when_the_grace_is_over_show_it() -> None:
    cut = (Reply(3.0, -1, "eof"), Reply(3.1, -1, "reset"), Reply(1.0, 503))
    record = ended(cut, took_s=3.2, server_settings=graceful(3.0), slo=Slo(deadline_s=2.0))
    verdict = verdict_of(record, NAME)
    assert (verdict.verdict, pairs_of(record)) == ("fail", {"drain + request + close < graceful": False})
    assert "request 3 s (at least, measured" in verdict.why
    assert "3 requests were held open across SIGTERM, and 2 cut" in verdict.why


def test_a_drain_while_requests_wait_is_judged_by_what_was_cut() -> None:
    trial = {"server_settings": graceful(3.0), "slo": Slo(deadline_s=2.0)}
    held = (Reply(3.0, -1, "eof"), Reply(2.5, 503))
    proofs = [
        FaultChanged("server.sigterm", "apply", True, "", {}, ns(BITE_S + 0.03), ns(BITE_S + 0.04)),
        FaultChanged("db.lock", "prove", True, "the canary failed", {}, ns(BITE_S + 0.2), ns(BITE_S + 0.3)),
    ]
    record = Story(LOCKED_END, in_flight=held, trial_changes=trial).record(plus=proofs)
    assert pairs_of(record) == {"drain + request + close < graceful": False}
    assert verdict_of(record, "graceful-shutdown").verdict == "fail"
    assert {each.verdict for each in judge_trial(record).verdicts} == {"pass", "fail"}
    calm = Story(LOCKED_END, in_flight=held[1:], trial_changes={"server_settings": graceful(13.0)}).record(plus=proofs)
    assert {each.verdict for each in judge_trial(calm).verdicts} == {"pass"}
    assert pairs_of(calm) == {"drain + request + close < graceful": True}, "what a lock adds is no drain"


def test_requests_that_are_cut_at_once_are_not_the_graces_doing() -> None:
    record = ended((Reply(0.2, -1, "eof"),), server_settings=graceful(30.0))
    assert verdict_of(record, NAME).verdict == "pass"
    assert verdict_of(record, "graceful-shutdown").verdict == "fail"


def test_who_came_after_sigterm_and_was_never_accepted_was_not_in_hand() -> None:
    record = ended(took_s=15.0, server_settings=graceful(12.0))
    rows, asked_ns = record.samples.copy(), sigterm_ns(record)
    cut = rows[-3:]
    cut["code"], cut["sent"], cut["done"] = Outcome.RESET_HEADERS, asked_ns - ns(1), asked_ns + ns(15)
    assert pairs_of(replace(record, samples=rows)) == {"drain + request + close < graceful": False}
    cut["sent"] = asked_ns + ns(0.5)
    assert pairs_of(replace(record, samples=rows)) == {"drain + request + close < graceful": True}


def test_a_kill_that_comes_before_the_grace_is_over_is_inverted() -> None:
    late, early = (ended(server_settings=graceful(30.0), termination_s=s) for s in (60.0, 20.0))
    assert pairs_of(late) == {"drain + request + close < graceful": True, "graceful < termination": True}
    assert pairs_of(early) == {"drain + request + close < graceful": True, "graceful < termination": False}
    assert "terminationGracePeriodSeconds" in verdict_of(early, NAME).advice


@pytest.mark.parametrize("scenario", [BASELINE, REFUSED, FROZEN], ids=lambda scenario: scenario.name)
def test_where_nothing_shows_who_is_first_it_does_not_apply(scenario: Scenario) -> None:
    assert "first" in why_absent(Story(scenario).record())


def test_a_server_without_a_graceful_limit_is_not_judged_by_it() -> None:
    assert "first" in why_absent(ended(server_settings=graceful(None)))


def test_a_record_of_before_does_not_tell_and_is_not_judged() -> None:
    assert "first" in why_absent(Story(LOCKED).record())
