"""What probes show: liveness, readiness, stuck workers. Both ways, and with too little to tell."""

from dataclasses import replace

import pytest
from record_builder import (
    BITE_S,
    BLACKHOLE,
    DRAIN,
    FROZEN,
    KILLED,
    REFUSED,
    SLOW,
    Reply,
    Story,
    no_answer,
    ns,
    stack,
)
from test_checks_premises import verdict_of

from harness.checks.facts.recovery import bite
from harness.model.observation import LogNoted, ProbeAnswered
from harness.model.record import TrialRecord
from harness.model.verdict import Verdict
from scenarios import recycled

LATE = {"control_ms": 900.0}


def during(start_s: float, end_s: float, reply: Reply, via: str = "", pid: int = 0):  # type: ignore[no-untyped-def]
    """Answers with `reply` in a stretch of the trial, over one way in or over all."""

    def answer(at_s: float, by: str, on: int) -> Reply:
        hit = start_s <= at_s < end_s and (not via or by == via) and (not pid or on == pid)
        return reply if hit else Reply()

    return answer


def down(flip_s: float, up_s: float, bad: Reply = Reply(status=503), *, only_pid: int = 0):  # type: ignore[no-untyped-def]  # noqa: B008
    """A readiness that falls `flip_s` after the bite; on one worker only, where `only_pid` is given, else on all."""

    def answer(at_s: float, via: str, pid: int) -> Reply:
        late = flip_s if not only_pid or pid == only_pid else 1.0
        return bad if BITE_S + late <= at_s < up_s else Reply()

    return answer


def unfit(start_s: float, end_s: float):  # type: ignore[no-untyped-def]
    return lambda at_s: LATE if start_s <= at_s < end_s else {}


def liveness(story: Story) -> Verdict:
    return verdict_of(story.record(), "liveness-holds")


@pytest.mark.parametrize(
    ("seconds", "reply", "outcome"),
    [
        (2.0, Reply(status=503), "pass"),
        (3.0, Reply(status=503), "fail"),
        (3.0, Reply(took_s=1.4), "fail"),
        (3.0, no_answer(1.75), "fail"),
        (3.0, Reply(status=-1, outcome="refused"), "fail"),
        (3.0, Reply(status=302), "pass"),
        (8.0, Reply(took_s=0.9), "pass"),
    ],
)
def test_liveness_fails_after_three_in_a_row(seconds: float, reply: Reply, outcome: str) -> None:
    verdict = liveness(Story(REFUSED, live=during(13.0, 13.0 + seconds, reply, "fresh")))
    assert verdict.verdict == outcome


def test_a_failed_liveness_tells_numbers_and_the_setting() -> None:
    verdict = liveness(Story(REFUSED, live=during(13.0, 18.0, Reply(status=500), "fresh")))
    assert "5 liveness probes in a row" in verdict.why
    assert "limit 3" in verdict.why
    assert "/health" in verdict.advice
    assert verdict.attributed_to == "app"


def test_liveness_on_a_late_machine_is_the_rigs() -> None:
    live = during(13.0, 17.0, Reply(took_s=1.7), "fresh")
    verdict = liveness(Story(REFUSED, live=live, machine=unfit(13.0, 14.5)))
    assert verdict.verdict == "fail"  # the hiccup does not explain the last of them
    verdict = liveness(Story(REFUSED, live=live, machine=unfit(13.0, 16.0)))
    assert (verdict.verdict, verdict.attributed_to) == ("inconclusive", "rig")
    assert "900 ms" in verdict.why


def test_liveness_without_probes_is_not_known() -> None:
    assert verdict_of(Story(REFUSED).record(without=(ProbeAnswered,)), "liveness-holds").verdict == "inconclusive"


def readiness(story: Story) -> Verdict:
    return verdict_of(story.record(), "readiness-flips")


@pytest.mark.parametrize(
    ("ready", "outcome", "words"),
    [
        (down(1.0, 20.0), "pass", ""),
        (down(1.0, 20.0, no_answer(1.75)), "pass", ""),
        (down(1.0, 20.0, Reply(took_s=1.2)), "pass", "limit 4 s"),
        (down(5.0, 20.0), "fail", "fresh connections after 5.1 s"),
        (during(0.0, 0.0, Reply()), "fail", "still said yes"),
        (down(5.0, 20.0, only_pid=102), "fail", "worker 102 after"),
        (down(1.0, 17.0), "fail", "still said yes after 7.1 s"),
    ],
)
def test_readiness_must_fall_on_every_way_in(ready, outcome: str, words: str) -> None:  # type: ignore[no-untyped-def]
    verdict = readiness(Story(REFUSED, ready=ready))
    assert verdict.verdict == outcome, verdict.why
    assert words in verdict.why


def test_the_orchestrators_decision_is_told() -> None:
    verdict = readiness(Story(REFUSED))
    decided = verdict.evidence["orchestrator_after_s"]
    assert isinstance(decided, float)
    assert 3.0 < decided < 5.0


def test_a_fault_too_short_to_tell_is_inconclusive() -> None:
    short = replace(REFUSED, faults=(replace(REFUSED.faults[0], for_s=4.5),))
    assert readiness(Story(short)).verdict == "inconclusive"


def test_no_probe_in_the_fault_is_inconclusive() -> None:
    assert verdict_of(Story(REFUSED).record(without=(ProbeAnswered,)), "readiness-flips").verdict == "inconclusive"


@pytest.mark.parametrize(
    ("ready", "outcome"),
    [
        (during(0.0, 0.0, Reply()), "pass"),
        (during(13.0, 14.0, Reply(status=503), "fresh"), "fail"),
        (during(13.0, 14.0, Reply(status=503), "pinned", 102), "fail"),
        (during(13.0, 14.0, Reply(0.1, -1, "eof"), "pinned", 102), "pass"),
        (during(22.0, 23.0, Reply(took_s=1.2), "fresh"), "fail"),
    ],
)
def test_readiness_must_stay_up_where_nothing_needed_is_broken(ready, outcome: str) -> None:  # type: ignore[no-untyped-def]
    verdict = readiness(Story(SLOW, ready=ready))
    assert verdict.verdict == outcome, verdict.why


def test_readiness_lost_on_a_late_machine_is_the_rigs() -> None:
    story = Story(SLOW, ready=during(13.0, 14.0, Reply(took_s=1.2), "fresh"), machine=unfit(13.0, 13.5))
    assert readiness(story).verdict == "inconclusive"
    story = Story(SLOW, ready=during(13.0, 14.0, Reply(took_s=1.2), "fresh"), machine=unfit(8.0, 8.5))
    assert readiness(story).verdict == "fail"


def test_a_no_while_the_link_is_made_whole_is_our_doing() -> None:
    """The lift of a latency cuts the connections under it; a no before it, or long after, is the app's."""
    lift_s = BITE_S + 8
    for via in ("fresh", "pinned"):
        at_the_lift = during(lift_s - 0.1, lift_s + 0.9, Reply(0.2, status=503), via)
        assert readiness(Story(SLOW, ready=at_the_lift)).verdict == "pass"
    for start_s in (lift_s - 3, lift_s + 1.6):
        assert (
            readiness(Story(SLOW, ready=during(start_s, start_s + 1.2, Reply(status=503), "fresh"))).verdict == "fail"
        )


def test_what_a_killed_worker_had_in_hand_is_not_readiness() -> None:
    at_the_kill = during(BITE_S, BITE_S + 0.2, Reply(0.05, -1, "eof"), "fresh")
    assert readiness(Story(KILLED, ready=at_the_kill)).verdict == "pass"
    later = during(13.0, 15.0, Reply(status=503), "fresh")
    assert readiness(Story(KILLED, ready=later)).verdict == "fail"


def test_a_frozen_worker_is_silent_without_being_unready() -> None:
    ready = during(BITE_S, 19.0, no_answer(5.0), "pinned", 101)
    assert readiness(Story(FROZEN, ready=ready, new_pid_s=5.0)).verdict == "pass"
    siblings = during(13.0, 14.0, Reply(status=503), "pinned", 102)
    assert readiness(Story(FROZEN, ready=siblings, new_pid_s=5.0)).verdict == "fail"


@pytest.mark.parametrize(
    ("reply", "via", "outcome"),
    [
        (Reply(took_s=1.4), "fresh", "pass"),
        (Reply(took_s=1.6, status=503), "fresh", "fail"),
        (no_answer(1.75), "fresh", "fail"),
        (no_answer(9.0), "pinned", "fail"),
        (Reply(4.0, -1, "eof"), "pinned", "fail"),
        (Reply(0.1, -1, "eof"), "pinned", "pass"),
        (Reply(0.1, 503), "fresh", "pass"),
    ],
)
def test_one_silent_readiness_probe_is_enough(reply: Reply, via: str, outcome: str) -> None:
    verdict = verdict_of(Story(BLACKHOLE, ready=during(13.0, 14.0, reply, via)).record(), "readiness-bounded")
    assert verdict.verdict == outcome, verdict.why


def test_a_late_machine_may_be_why_readiness_was_silent() -> None:
    quick = Story(BLACKHOLE, ready=during(13.0, 14.0, no_answer(1.75), "fresh"), machine=unfit(13.0, 13.9))
    assert verdict_of(quick.record(), "readiness-bounded").verdict == "inconclusive"
    long = Story(BLACKHOLE, ready=during(13.0, 14.0, no_answer(9.0), "pinned"), machine=unfit(13.0, 13.9))
    assert verdict_of(long.record(), "readiness-bounded").verdict == "fail"


def test_readiness_that_was_hardly_asked_is_not_bounded() -> None:
    assert verdict_of(Story(BLACKHOLE).record(without=(ProbeAnswered,)), "readiness-bounded").verdict == "inconclusive"


def stuck(story: Story, *plus: LogNoted) -> Verdict:
    dump = stack(102, 16.0, "time.sleep(3)  # app/quotes.py:12")
    return verdict_of(story.record(plus=(dump, *plus)), "no-stuck-workers")


@pytest.mark.parametrize(
    ("reply", "outcome"),
    [
        (Reply(took_s=2.9), "pass"),
        (Reply(took_s=3.2), "fail"),
        (no_answer(5.0), "fail"),
        (Reply(5.0, -1, "eof"), "fail"),
        (Reply(0.2, -1, "eof"), "pass"),
    ],
)
def test_a_worker_that_leaves_its_own_probe_unanswered_is_stuck(reply: Reply, outcome: str) -> None:
    verdict = stuck(Story(SLOW, live=during(13.0, 13.5, reply, "pinned", 102)))
    assert verdict.verdict == outcome, verdict.why


def test_a_stuck_worker_is_told_with_pid_time_and_stack() -> None:
    verdict = stuck(Story(SLOW, live=during(13.0, 13.5, no_answer(5.0), "pinned", 102)))
    assert "orker 102" in verdict.why
    assert "5.0 s" in verdict.why
    told = verdict.evidence["stuck"]
    assert isinstance(told, list)
    (seen,) = told
    assert seen["pid"] == 102
    assert "app/quotes.py:12" in seen["stack"]


@pytest.mark.parametrize(
    ("scenario", "text", "outcome"),
    [
        (SLOW, "[CRITICAL] WORKER TIMEOUT (pid:102)", "fail"),
        (FROZEN, "[CRITICAL] WORKER TIMEOUT (pid:101)", "pass"),
        (FROZEN, "[CRITICAL] WORKER TIMEOUT (pid:102)", "fail"),
        (FROZEN, "a worker was killed", "pass"),
        (SLOW, "a worker was killed", "fail"),
    ],
)
def test_a_worker_that_its_supervisor_had_to_kill_was_stuck(scenario, text: str, outcome: str) -> None:  # type: ignore[no-untyped-def]
    verdict = stuck(Story(scenario, new_pid_s=5.0), LogNoted("worker-timeout", text, ns(15.0), ns(15.0)))
    assert verdict.verdict == outcome, verdict.why


def test_a_long_request_that_recycling_ends_is_found() -> None:
    """F23: the supervisor kills the worker that was to leave, for it beats no more."""
    note = LogNoted("worker-timeout", "[CRITICAL] WORKER TIMEOUT (pid:101)", ns(15.0), ns(15.0))
    verdict = stuck(Story(recycled.SCENARIO), note)
    assert verdict.verdict == "fail"
    assert "had to kill 1 workers" in verdict.why
    assert "Set gunicorn.timeout to 30 (now 4)" in verdict.advice
    assert "event loop" not in verdict.advice


def test_the_frozen_worker_is_judged_once_its_supervisor_had_its_time() -> None:
    held = during(BITE_S, BITE_S + 0.5, no_answer(5.0), "pinned", 101)
    assert stuck(Story(FROZEN, live=held, new_pid_s=5.0)).verdict == "pass"
    forever = during(BITE_S, 40.0, no_answer(17.0), "pinned", 101)
    assert stuck(Story(FROZEN, live=forever, new_pid_s=None)).verdict == "fail"


def test_workers_that_nobody_pinned_are_not_known_to_be_well() -> None:
    assert verdict_of(Story(SLOW).record(without=(ProbeAnswered,)), "no-stuck-workers").verdict == "inconclusive"
    record = Story(SLOW).record()
    seen = tuple(h for h in record.observations if not (isinstance(h, ProbeAnswered) and h.pid == 102))
    verdict = verdict_of(replace(record, observations=seen), "no-stuck-workers")
    assert verdict.verdict == "inconclusive"
    assert "102" in verdict.why


def test_two_answers_after_the_fault_began_say_nothing_of_what_it_did() -> None:
    record = Story(SLOW).record()
    bitten = bite(record)
    assert bitten is not None

    def with_after(count: int) -> TrialRecord:
        late = [h for h in record.probes("live", "pinned") if h.done_ns >= bitten.start_ns]
        return replace(record, observations=tuple(h for h in record.observations if h not in late[count:]))

    few = verdict_of(with_after(2), "no-stuck-workers")
    assert (few.verdict, "2 came after the fault began" in few.why) == ("inconclusive", True)
    assert verdict_of(with_after(3), "no-stuck-workers").verdict == "pass"


def test_probes_cut_by_sigterm_are_not_stuck() -> None:
    story = Story(DRAIN, live=during(BITE_S - 1.0, BITE_S, Reply(4.0, -1, "eof"), "pinned"))
    assert verdict_of(story.record(), "no-stuck-workers").verdict == "pass"
