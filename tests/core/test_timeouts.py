"""Timeouts from what was measured: always in order, or it is said why not; with reasons and what is untested."""

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from record_builder import BASELINE, BLACKHOLE, DRAIN, KILLED, REFUSED, Done, Story, ns

from harness.checks.judge import judge_trial
from harness.model.ladder import LADDER, inverted
from harness.model.record import TrialRecord
from harness.model.rows import Outcome
from harness.model.verdict import TrialVerdict
from harness.tuning.paste import files
from harness.tuning.recommendation import Recommendation, Setting
from harness.tuning.timeouts import Derived, Given, derive
from harness.tuning.times import Times, times_of

SEEN = Times(requests=5000, p99_s=0.08, longest_s=0.4, silence_s=13.0, back_s=0.8, leaving_s=2.6, stall_s=0.05)
GIVEN = Given(deadline_s=10.0, client_s=12.0, database="db")

seconds = st.floats(0.001, 500)
maybe = st.none() | seconds
TIMES = st.builds(
    Times,
    requests=st.integers(0, 10**6),
    p99_s=st.floats(0, 100),
    longest_s=st.floats(0, 100),
    silence_s=maybe,
    back_s=maybe,
    leaving_s=maybe,
    stall_s=maybe,
)
GIVENS = st.builds(
    Given,
    deadline_s=st.floats(0.1, 600),
    client_s=st.floats(0.1, 1000),
    termination_s=maybe,
    proxy_s=maybe,
    client_declared=st.booleans(),
    table=st.sampled_from(("gunicorn", "uvicorn", "granian", "hypercorn")),
    database=st.sampled_from(("", "db")),
)


def named(found: Derived, name: str) -> Setting:
    return next(each for each in found.settings if each.name == name)


@given(TIMES, GIVENS)
def test_what_is_derived_keeps_the_ladder_or_says_that_it_cannot(times: Times, declared: Given) -> None:
    found = derive(times, declared)
    assert inverted(found.values) == ()
    expected = len(LADDER) if declared.database and not found.cannot else len(LADDER) - 2
    assert sum(each.state(found.values) == "ordered" for each in LADDER) == expected
    assert (found.cannot == "") == (not declared.database or "statement" in found.values)
    assert all(math.isfinite(value) and value >= 0 for value in found.values.values())
    assert all(each.reason for each in found.settings)
    assert len({each.key for each in found.settings}) == len(found.settings)


@given(TIMES, GIVENS)
def test_the_promise_is_kept_and_the_longest_good_request_has_room(times: Times, declared: Given) -> None:
    values = derive(times, declared).values
    assert values["request"] < declared.deadline_s < values["client"]
    assert values["graceful"] >= declared.deadline_s + values["drain"]
    if "statement" in values:
        assert values["statement"] >= times.longest_s


def test_the_numbers_of_the_reference_come_out() -> None:
    found = derive(SEEN, GIVEN)
    assert found.values == {
        "statement": 1.2,
        "command": 1.7,
        "acquire": 0.8,
        "request": 9.0,
        "proxy": 11.0,
        "client": 12.0,
        "drain": 2.6,
        "close": 0.0,
        "graceful": 16,
        "termination": 21,
    }
    statement = named(found, "statement_timeout")
    assert (statement.key, statement.value) == ("parts.db.settings.statement_timeout", "1200ms")
    assert statement.reason.startswith("3 times the longest of 5000 good requests (0.4 s; p99 0.08 s)")
    assert "0.8 + 2 × 1.7 < 9 s" in named(found, "command_timeout_s").reason
    assert named(found, "graceful_timeout").value == 16
    assert (named(found, "timeout").key, named(found, "timeout").value) == ("target.gunicorn.timeout", 15)


def test_less_room_is_given_before_none() -> None:
    assert derive(replace(SEEN, longest_s=1.5), GIVEN).values["statement"] == 3.0, "twice, where three times do not fit"
    assert derive(replace(SEEN, longest_s=1.7), GIVEN).values["statement"] == 2.6
    cannot = derive(replace(SEEN, longest_s=3.0), GIVEN).cannot
    assert "The longest good request took 3 s." in cannot
    assert "promise a slo.deadline_s above 13 s" in cannot
    assert derive(replace(SEEN, longest_s=3.0), replace(GIVEN, deadline_s=13.1, client_s=20)).cannot == ""


def test_a_client_that_gives_up_before_the_promise_has_to_wait_for_longer() -> None:
    client = named(derive(SEEN, replace(GIVEN, client_s=5.0)), "timeout_s")
    assert (client.key, client.value, client.before) == ("client.timeout_s", 14, None)
    assert "gives up after 5 s" in client.reason


def test_what_is_declared_and_enough_stays() -> None:
    assert derive(SEEN, replace(GIVEN, termination_s=60)).values["termination"] == 60
    assert derive(SEEN, replace(GIVEN, termination_s=16)).values["termination"] == 21


def test_a_declared_proxy_stays_where_it_fits_and_is_compared_where_it_does_not() -> None:
    def proxy_of(**declared: float | bool) -> tuple[float, list[Setting]]:
        found = derive(SEEN, replace(GIVEN, **declared))  # type: ignore[arg-type]
        return found.values["proxy"], [each for each in found.settings if each.key.startswith(("proxy.", "client."))]

    assert proxy_of(proxy_s=11.5) == (11.5, []), "between the promise and the client's 12 s"
    value, [low] = proxy_of(proxy_s=5.0)
    assert (value, low.key, low.before, low.changed) == (11.0, "proxy.read_timeout_s", 5.0, True)
    assert "the 5 s of now (target.proxy_timeout_s) are not" in low.reason
    value, [high] = proxy_of(proxy_s=15.0, client_declared=True)
    assert (value, high.key, high.before) == (11.0, "proxy.read_timeout_s", 15.0)
    value, [client] = proxy_of(proxy_s=15.0)
    assert (value, client.key, client.value) == (15.0, "client.timeout_s", 19), "the load's patience is no client's"
    assert "the 15 s that the proxy waits" in client.reason


def test_a_limit_goes_where_the_app_reads_it_from_and_knows_what_was_there() -> None:
    keys = {"command": "target.env.COMMAND_TIMEOUT_S"}
    declared = replace(GIVEN, keys=keys, present={"target.env.COMMAND_TIMEOUT_S": 3, "target.gunicorn.timeout": 15})  # type: ignore[arg-type]
    found = derive(SEEN, declared)
    command = named(found, "COMMAND_TIMEOUT_S")
    assert (command.before, command.value, command.changed) == (3, 1.7, True)
    assert not named(found, "timeout").changed


def test_what_nobody_measured_is_said() -> None:
    untested = {each.name: each.untested for each in derive(Times(requests=20, longest_s=0.1), GIVEN).settings}
    assert "Only 20 good requests" in untested["statement_timeout"]
    assert untested["command_timeout_s"] == untested["request_deadline_s"] == "No part was silent in any trial."
    assert "how soon the service is back" in untested["acquire_timeout_s"]
    assert "how long the service takes to leave" in untested["graceful_timeout"]
    assert "healthy worker" in untested["timeout"]
    measured = {each.name: each.untested for each in derive(SEEN, GIVEN).settings}
    tested = ("statement_timeout", "command_timeout_s", "acquire_timeout_s", "request_deadline_s", "graceful_timeout")
    assert {measured[name] for name in tested} == {""}
    short = derive(replace(SEEN, silence_s=8.0), GIVEN)
    assert named(short, "request_deadline_s").untested == "No part was silent for longer than 8 s."


@pytest.mark.parametrize(
    ("table", "name", "file"),
    [
        ("gunicorn", "graceful_timeout = 16", "gunicorn.conf.py"),
        ("uvicorn", "--timeout-graceful-shutdown=16", "start.sh"),
        ("granian", "--workers-kill-timeout=16", "start.sh"),
        ("hypercorn", "--graceful-timeout=16", "start.sh"),
    ],
)
def test_they_are_written_for_each_server(table: str, name: str, file: str) -> None:
    found = derive(SEEN, replace(GIVEN, table=table))
    made = {each.name: each.text for each in files(Recommendation(found.settings), "a:b", table, {"db": "postgres"})}
    assert set(made) == {file, "postgresql.conf", "elsewhere.txt"}
    assert name in made[file]
    assert "statement_timeout = '1200ms'" in made["postgresql.conf"]
    assert "proxy_read_timeout 11s;" in made["elsewhere.txt"]
    assert "terminationGracePeriodSeconds: 21" in made["elsewhere.txt"]


def judged(record: TrialRecord) -> tuple[TrialRecord, TrialVerdict]:
    return record, judge_trial(record)


def test_times_are_the_worst_of_all_trials() -> None:
    slow = Story(BASELINE, request=lambda at_s, _: Done(0.3) if round(at_s * 50) == 400 else Done()).record()
    found = times_of([judged(slow), judged(Story(BLACKHOLE).record()), judged(Story(DRAIN).record())])
    assert found.longest_s == pytest.approx(0.299, abs=0.001)
    assert found.p99_s == pytest.approx(0.009, abs=0.001)
    assert found.requests > 700
    assert found.silence_s == pytest.approx(11.98, abs=0.01)
    assert found.leaving_s == pytest.approx(2.4)
    assert found.stall_s == pytest.approx(0.004)
    assert found.back_s is not None


def test_errors_cut_records_and_services_that_never_came_back_are_no_measure() -> None:
    failing = Story(BASELINE, request=lambda at_s, _: Done(5.0, Outcome.BAD_STATUS)).record()
    cut = Story(BASELINE).record(whole=False)
    assert times_of([judged(failing)]).requests == 0
    assert times_of([judged(cut)]) == times_of([]) == Times()
    gone = Story(REFUSED, request=lambda at_s, _: Done(0.01, Outcome.BAD_STATUS) if at_s >= 11 else Done()).record()
    assert times_of([judged(gone)]).back_s is None
    replaced = judged(Story(KILLED).record())
    assert next(each for each in replaced[1].verdicts if each.check == "recovers").verdict == "pass"
    assert times_of([replaced]).back_s is None, "a supervisor's time is none of a pool's"
    killed = Story(DRAIN, stopped={"killed": True, "done_ns": ns(45)}).record()
    assert times_of([judged(killed)]).leaving_s is None
