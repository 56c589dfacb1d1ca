"""What servers are known for: bound to the versions it was seen with, and each bound from both sides."""

from dataclasses import replace

import pytest
from record_builder import BASELINE, BITE_S, KILLED, Reply, Story, no_answer, ns
from test_checks_operations import DEAD, losing, silent
from test_checks_premises import verdict_of

from harness.model.known_limit import KnownLimit
from harness.model.observation import Observation, ProbeAnswered, WorkersSeen
from harness.model.record import TrialRecord
from harness.model.scenario import Scenario, fault
from harness.model.verdict import Verdict
from harness.servers import SERVERS, server_of
from harness.servers.server import Server

LIMIT = KnownLimit(
    "server.sighup", ("error-budget",), "lost", "it loses some", "gunicorn ~=27.0.0 with uvicorn ~=0.54.0", "F28"
)


END = KnownLimit(
    fault="worker.kill",
    checks=("readiness-flips", "recovers"),
    shows="end",
    says="one worker that dies ends it",
    versions="granian ~=2.8.9",
    source="F08",
    advice="respawn",
    unless="--respawn",
)


@pytest.mark.parametrize(
    ("gunicorn", "uvicorn", "holds"),
    [
        ("27.0.0", "0.54.0", True),
        ("27.0.1", "0.54.10", True),
        ("27.0.1.post1", "0.54.0", True),
        ("27.0.9rc1", "0.54.0", True),
        ("26.9.9", "0.54.0", False),
        ("27.1.0", "0.54.0", False),
        ("27.10.0", "0.54.0", False),
        ("27.0.1", "0.55.0", False),
        ("27.0.1", "0.53.9", False),
        ("twenty-seven", "0.54.0", False),
        ("", "0.54.0", False),
    ],
)
def test_a_limit_holds_for_the_versions_it_was_seen_with(gunicorn: str, uvicorn: str, holds: bool) -> None:
    assert LIMIT.holds_for({"gunicorn": gunicorn, "uvicorn": uvicorn}) is holds


def test_a_limit_of_two_programs_needs_both() -> None:
    assert not LIMIT.holds_for({"gunicorn": "27.0.1"})
    assert not LIMIT.holds_for({})


@pytest.mark.parametrize("server", SERVERS, ids=lambda server: server.id)
def test_the_versions_of_each_limit_can_be_compared(server: Server) -> None:
    none = dict.fromkeys(("gunicorn", "uvicorn", "granian", "hypercorn"), "0")
    assert server.limits_for(none) == ()
    for limit in server.known_limits:
        assert limit.source.startswith("F")
        assert bool(limit.most) is (limit.shows in ("lost", "orphans"))
        assert bool(limit.advice) is (limit.shows in ("end", "cut", "share"))


def test_limits_of_other_versions_are_not_those_of_a_trial() -> None:
    gunicorn = server_of("gunicorn-uvicorn")
    assert gunicorn.limits_for({"gunicorn": "27.0.1", "uvicorn": "0.54.0"}) == gunicorn.known_limits
    assert {limit.shows for limit in gunicorn.limits_for({"gunicorn": "27.0.1"})} == {"silence", "away"}
    assert gunicorn.limits_for({"gunicorn": "28.0.0", "uvicorn": "0.54.0"}) == ()


def test_a_flag_that_mends_a_limit_leaves_none() -> None:
    assert END.holds_for({"granian": "2.8.9"}, ("--http=1", "--log"))
    assert not END.holds_for({"granian": "2.8.9"}, ("--http=1", "--respawn"))
    granian = server_of("granian")
    mended = granian.limits_for({"granian": "2.8.9"}, ("--respawn-failed-workers",))
    assert {limit.shows for limit in granian.known_limits} - {limit.shows for limit in mended} == {"end"}


def ended(after_s: float, *limits: KnownLimit) -> TrialRecord:
    """A worker is killed, and so much later no worker is left, nothing answers, and the server has ended."""
    end_s = BITE_S + after_s

    def ready(at_s: float, via: str, _pid: int) -> Reply:
        return Reply(status=-1, outcome="refused") if via == "fresh" and at_s >= end_s else Reply()

    story = Story(KILLED, ready=ready, stopped={"ended_by": "itself"}, trial_changes={"known_limits": limits})
    seen = tuple(
        replace(here, pids=()) if isinstance(here, WorkersSeen) and here.done_ns >= ns(end_s) else here
        for here in story.record().observations
    )
    return replace(story.record(), observations=seen)


def judged(record: TrialRecord, check: str, outcome: str) -> Verdict:
    """A pass is the server's and names the limit; a failure is the app's, and names none."""
    verdict = verdict_of(record, check)
    assert verdict.verdict == outcome, verdict.why
    assert verdict.attributed_to == ("server" if outcome == "pass" else "app"), verdict.why
    assert ("known limit" in verdict.why) is (outcome == "pass")
    return verdict


@pytest.mark.parametrize("check", ["readiness-flips", "recovers"])
@pytest.mark.parametrize(("after_s", "outcome"), [(1.9, "pass"), (2.6, "fail")])
def test_an_end_that_is_known_passes_and_a_later_one_fails(check: str, after_s: float, outcome: str) -> None:
    verdict = judged(ended(after_s, END), check, outcome)
    assert ("granian ~=2.8.9, F08" in verdict.why) is (outcome == "pass")
    assert (verdict.advice == "respawn") is (outcome == "pass")


@pytest.mark.parametrize("check", ["readiness-flips", "recovers"])
def test_an_end_that_nobody_knows_fails(check: str) -> None:
    judged(ended(1.0), check, "fail")


def test_an_end_explains_nothing_of_what_was_before_it() -> None:
    """Readiness says no for a moment in the baseline, too."""
    record = ended(1.0, END)
    probes = (here for here in record.observations if isinstance(here, ProbeAnswered) and here.probe == "ready")
    early = next(here for here in probes if here.sent_ns > ns(BITE_S - 4))
    spoilt = tuple(replace(here, status=503) if here is early else here for here in record.observations)
    judged(replace(record, observations=spoilt), "readiness-flips", "fail")
    judged(replace(record, observations=spoilt), "recovers", "pass")


def test_readiness_that_falls_while_the_server_lives_is_the_apps() -> None:
    record = ended(1.0, END)
    lives = Story(KILLED).record()
    stays: list[Observation] = [here for here in record.observations if not isinstance(here, WorkersSeen)]
    stays += [here for here in lives.observations if isinstance(here, WorkersSeen)]
    stays.sort(key=lambda here: here.done_ns)
    judged(replace(record, observations=tuple(stays)), "readiness-flips", "fail")


def that_show(what: str) -> list[Server]:
    return [server for server in SERVERS if any(limit.shows == what for limit in server.known_limits)]


def names(server: Server) -> str:
    return server.id


@pytest.mark.parametrize("server", that_show("silence"), ids=names)
@pytest.mark.parametrize(("silent_s", "outcome"), [(3.7, "pass"), (6.0, "fail")])
def test_a_reload_may_be_silent_for_a_boot_and_two_seconds(server: Server, silent_s: float, outcome: str) -> None:
    record = replace(silent(silent_s), trial_changes={"known_limits": server.known_limits}).record()
    for check in ("latency-slo", "readiness-flips", "liveness-holds", "readiness-bounded"):
        verdict = verdict_of(record, check)
        assert verdict.verdict == outcome, verdict.why
        assert (verdict.attributed_to == "server") is (outcome == "pass")


@pytest.mark.parametrize("server", that_show("lost"), ids=names)
def test_a_reload_may_lose_as_many_requests_as_were_seen_and_no_more(server: Server) -> None:
    most = next(limit.most for limit in server.known_limits if limit.shows == "lost")
    for count, outcome in ((most, "pass"), (most + 1, "fail")):
        record = replace(losing(count), trial_changes={"known_limits": server.known_limits}).record()
        assert verdict_of(record, "error-budget").verdict == outcome


@pytest.mark.parametrize("server", that_show("orphans"), ids=names)
def test_so_many_processes_may_outlive_a_killed_supervisor_and_no_more(server: Server) -> None:
    most = next(limit.most for limit in server.known_limits if limit.shows == "orphans") * 2  # of two workers
    for count, outcome in ((most, "pass"), (most + 1, "fail")):
        left = tuple(range(101, 101 + count))
        record = Story(DEAD, orphans=left, trial_changes={"known_limits": server.known_limits}).record()
        assert verdict_of(record, "no-orphans").verdict == outcome


@pytest.mark.parametrize("server", that_show("end"), ids=names)
@pytest.mark.parametrize(("after_s", "outcome"), [(1.9, "pass"), (2.6, "fail")])
def test_a_server_may_end_with_its_worker_but_not_later(server: Server, after_s: float, outcome: str) -> None:
    record = ended(after_s, *server.known_limits)
    for check in ("readiness-flips", "recovers", "graceful-shutdown"):
        judged(record, check, outcome)


BLOCKED = Scenario("loop-blocked", "Is it seen?", faults=(fault("worker.block-loop", for_s=14),), ready="up")


def blocked(until_s: float, *limits: KnownLimit) -> Story:
    """The worker that is blocked for 14 s answers again at that time, and no other takes its place."""

    def reply(at_s: float, via: str, pid: int) -> Reply:
        hurt = via == "pinned" and pid == 101 and BITE_S <= at_s < until_s
        return Reply(until_s - at_s) if hurt else Reply()

    changes = {"known_limits": limits}
    return Story(BLOCKED, ready=reply, live=reply, new_pid_s=None, trial_changes=changes)


@pytest.mark.parametrize("server", that_show("unseen"), ids=names)
def test_a_supervisor_may_overlook_a_blocked_loop_but_the_worker_has_to_come_back(server: Server) -> None:
    lift_s = BITE_S + 14
    seen = verdict_of(blocked(lift_s, *server.known_limits).record(), "recovers")
    assert (seen.verdict, seen.attributed_to) == ("pass", "server"), seen.why
    shortly = replace(blocked(lift_s), recovery_s=5.2)
    assert verdict_of(shortly.record(), "recovers").verdict == "fail"
    late = verdict_of(blocked(lift_s + 7, *server.known_limits).record(), "recovers")
    assert (late.verdict, late.attributed_to) == ("fail", "app"), late.why


@pytest.mark.parametrize("server", that_show("cut"), ids=names)
@pytest.mark.parametrize(
    ("workers", "stopped", "outcome"),
    [
        (2, {}, "pass"),
        (1, {}, "fail"),
        (2, {"killed": True}, "fail"),
        (2, {"done_ns": ns(70)}, "fail"),
        (2, {"ended_by": "itself"}, "fail"),
    ],
)
def test_requests_may_be_cut_by_a_server_that_leaves_early(
    server: Server, workers: int, stopped: dict[str, object], outcome: str
) -> None:
    in_flight = (Reply(1.5, 201), Reply(0.8, -1, "eof"))
    changes = {"known_limits": server.known_limits, "workers": workers}
    record = Story(BASELINE, in_flight=in_flight, stopped=stopped, trial_changes=changes).record()
    judged(record, "graceful-shutdown", outcome)


@pytest.mark.parametrize("server", that_show("share"), ids=names)
@pytest.mark.parametrize(("of_three", "outcome"), [(2, "pass"), (3, "fail")])
def test_one_workers_share_of_new_connections_may_hang(server: Server, of_three: int, outcome: str) -> None:
    """Two or all of three new connections hang while one of two workers stands still for 14 s."""

    def reply(at_s: float, via: str, _pid: int) -> Reply:
        hangs = via == "fresh" and BITE_S <= at_s < BITE_S + 14 and round(at_s) % 3 < of_three
        return no_answer(1.6) if hangs else Reply()

    changes = {"known_limits": server.known_limits}
    record = Story(BLOCKED, ready=reply, live=reply, new_pid_s=None, trial_changes=changes).record()
    judged(record, "readiness-flips", outcome)
