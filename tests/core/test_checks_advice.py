"""A verdict that failed says the setting, its value and why; the values follow the target's own deadline."""

import re
from dataclasses import replace

import pytest
from record_builder import BITE_S, BLACKHOLE, DRAIN, FROZEN, KILLED, REFUSED, SLOW, Done, Reply, Story, no_answer, ns
from test_checks_leaks import MIB, outages, record_of
from test_checks_premises import verdict_of
from test_checks_probes import during
from test_checks_requests import BAD, broken
from test_checks_restarts import with_deaths

from harness.model.observation import BootEnded, LogNoted
from harness.model.record import TrialRecord
from harness.model.rows import Outcome
from harness.model.scenario import Scenario, fault
from harness.model.target import Slo
from harness.model.trial import ServerSettings

IDLE = Scenario("clients-idle", "Is there room?", faults=(fault("client.idle", for_s=8),))
LATE = Done(0.9, Outcome.OK)
TIMEOUT = LogNoted("worker-timeout", "[CRITICAL] WORKER TIMEOUT (pid:101)", ns(15.0), ns(15.0))


def story(
    of: Story, *, deadline_s: float = 10.0, server: str = "gunicorn-uvicorn", stuck_s: float | None = 4.0
) -> Story:
    settings = ServerSettings(stuck_timeout_s=stuck_s, graceful_s=15.0)
    of.trial_changes |= {"slo": Slo(deadline_s=deadline_s), "server": server, "server_settings": settings}
    return of


def never_up(deadline_s: float) -> TrialRecord:
    record = story(Story(REFUSED), deadline_s=deadline_s).record(without=(BootEnded,))
    ended = BootEnded(False, "nobody answers", "log", 0, ns(2.0))
    return replace(record, observations=(ended, *record.observations))


def leaking(deadline_s: float) -> TrialRecord:
    record = record_of(changed={"rss": lambda at_s: (80 + 9 * outages(at_s)) * MIB})
    return replace(record, trial=replace(record.trial, slo=Slo(deadline_s=deadline_s)))


def deaths(deadline_s: float) -> TrialRecord:
    record = with_deaths(Story(REFUSED), 12.0, 13.0)
    return replace(record, trial=replace(record.trial, slo=Slo(deadline_s=deadline_s)))


POOL = (
    r"create_pool\(timeout=(?P<connect>[\d.]+), command_timeout=(?P<call>[\d.]+)\)"
    r", pool.acquire\(timeout=(?P<tenth>[\d.]+)"
)
RECORDS = {
    "starts": (never_up, r"min_size=0, timeout=(?P<connect>[\d.]+)\).*asyncio.timeout\((?P<whole>\d+)\)"),
    "error-budget": (
        lambda d: story(Story(SLOW, request=broken(BITE_S, 19.0, BAD, line="list")), deadline_s=d).record(),
        POOL + r".*asyncio.Semaphore",
    ),
    "latency-slo": (
        lambda d: story(Story(SLOW, request=broken(BITE_S, 19.0, LATE, line="list")), deadline_s=d).record(),
        r"pool.acquire\(timeout=(?P<tenth>[\d.]+)\).*CapacityLimiter.*to_thread",
    ),
    "requests-bounded": (
        lambda d: story(
            Story(BLACKHOLE, request=broken(BITE_S, 13.0, Done(11.9, Outcome.TIMEOUT))), deadline_s=d
        ).record(),
        r"asyncio.timeout.*" + POOL + r".*statement_timeout = (?P<quarter>[\d.]+)s",
    ),
    "no-stuck-workers": (
        lambda d: story(Story(SLOW, live=during(13.0, 14.0, no_answer(6.0), "pinned", 102)), deadline_s=d).record(),
        r"to_thread.* timeout of (?P<call>[\d.]+) s",
    ),
    "no-leaks": (leaking, r"finally.*idle_in_transaction_session_timeout to (?P<whole>\d+)s.*maxsize"),
    "no-restart-storm": (deaths, r"log.*Set gunicorn.timeout to (?P<three>\d+) \(now 4\)"),
    "recovers": (
        lambda d: story(Story(REFUSED, request=broken(BITE_S, 60.0, BAD, line="list")), deadline_s=d).record(),
        POOL + r".*asyncpg >= 0.32.* in 0.8 s",
    ),
}
SHARES = {"connect": 0.2, "call": 0.3, "tenth": 0.1, "quarter": 0.25, "whole": 1.0, "three": 3.0}


@pytest.mark.parametrize("name", RECORDS)
@pytest.mark.parametrize("deadline_s", [10.0, 11.0])
def test_settings_have_values_in_proportion_to_the_deadline(name: str, deadline_s: float) -> None:
    make, told = RECORDS[name]
    verdict = verdict_of(make(deadline_s), name)
    assert verdict.verdict == "fail", verdict.why
    found = re.search(told, verdict.advice)
    assert found, verdict.advice
    for share, value in found.groupdict().items():
        assert float(value) == pytest.approx(SHARES[share] * deadline_s), share


def test_a_supervisor_that_killed_a_busy_worker_is_given_more_patience() -> None:
    verdict = verdict_of(story(Story(SLOW)).record(plus=[TIMEOUT]), "no-stuck-workers")
    assert "Set gunicorn.timeout to 30 (now 4)" in verdict.advice
    patient = verdict_of(story(Story(SLOW), stuck_s=30.0).record(plus=[TIMEOUT]), "no-stuck-workers")
    assert "to_thread" in patient.advice
    assert "gunicorn.timeout" not in patient.advice


@pytest.mark.parametrize(
    ("server", "stuck_s", "told"),
    [
        ("gunicorn-uvicorn", 4.0, r"gunicorn.timeout \(here 4 s\).*min_size=0"),
        ("gunicorn-asgi", None, r"Set gunicorn.timeout to 30"),
        ("uvicorn", 5.0, r"uvicorn.timeout_worker_healthcheck \(here 5 s\)"),
        ("granian", None, r"granian.respawn_failed_workers = true.*timeout = 30"),
        ("hypercorn", None, r"^This server has no timeout for silent workers: .*timeout = 30"),
    ],
)
def test_a_worker_that_nobody_replaced_is_told_by_the_servers_own_settings(
    server: str, stuck_s: float | None, told: str
) -> None:
    verdict = verdict_of(story(Story(KILLED, new_pid_s=None), server=server, stuck_s=stuck_s).record(), "recovers")
    assert verdict.verdict == "fail", verdict.why
    assert re.search(told, verdict.advice), verdict.advice


@pytest.mark.parametrize(
    ("scenario", "told"),
    [
        (IDLE, "limit_concurrency.*client_body_timeout 10s"),
        (FROZEN, r"gunicorn.graceful_timeout \(15 s\) above slo.deadline_s \(10 s\).*proxy_next_upstream"),
    ],
)
def test_errors_beside_the_parts_are_told_by_what_was_done(scenario: Scenario, told: str) -> None:
    verdict = verdict_of(story(Story(scenario, request=broken(BITE_S, 19.0, BAD))).record(), "error-budget")
    assert verdict.verdict == "fail", verdict.why
    assert re.search(told, verdict.advice), verdict.advice


@pytest.mark.parametrize("name", ["readiness-flips", "recovers", "graceful-shutdown", "error-budget", "latency-slo"])
def test_where_the_server_ended_that_is_what_to_mend(name: str) -> None:
    gone = Reply(status=-1, outcome="refused")
    refused = broken(BITE_S, 60.0, Done(0.01, Outcome.REFUSED))
    of = Story(KILLED, ready=during(BITE_S, 60.0, gone), request=refused, stopped={"ended_by": "itself"})
    verdict = verdict_of(story(of).record(), name)
    assert verdict.verdict == "fail", verdict.why
    assert re.search(r"why the server ended.*min_size=0, timeout=2\).*Restart=always", verdict.advice)


def test_what_a_probe_needs_is_told_with_its_own_times() -> None:
    record = Story(REFUSED, live=during(13.0, 18.0, Reply(status=500), "fresh")).record()
    assert re.search(r"/health .*probes.live.timeout_s \(1 s\)", verdict_of(record, "liveness-holds").advice)
    up = Story(SLOW, ready=during(13.0, 18.0, Reply(status=503))).record()
    assert re.search(r"two failures in a row.*each 1 s, for at most 1 s", verdict_of(up, "readiness-flips").advice)


@pytest.mark.parametrize(
    ("server", "told"),
    [("gunicorn-uvicorn", "gunicorn.graceful_timeout (15 s)"), ("granian", "granian.workers_kill_timeout (15 s)")],
)
def test_the_end_of_a_server_is_told_by_its_own_grace(server: str, told: str) -> None:
    orphans = verdict_of(story(Story(DRAIN, orphans=(9,)), server=server).record(), "no-orphans")
    assert f"KillMode=control-group with TimeoutStopSec above {told}" in orphans.advice
    lost = verdict_of(story(Story(REFUSED, lost=tuple(range(1000))), server=server).record(), "nothing-lost")
    assert re.search(rf"synchronous_commit = on.* within {re.escape(told)}", lost.advice)
