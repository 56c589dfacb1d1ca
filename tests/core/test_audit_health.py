"""What each check of the health row says of what was seen."""

from dataclasses import replace

import pytest

from harness.audit.check import Told
from harness.audit.checks.health import CHECKS
from harness.audit.facts.health import Health, Outage, Round

YES = tuple(Round(0.2 * n, 4, 0, 0, 5.0) for n in range(1, 6))
NO = tuple(Round(0.2 * n, 0, 4, 0, 5.0) for n in range(1, 6))
REFUSE = Outage("postgres", "refuse", True, (Round(0.1, 4, 0), *NO), YES, live_asked=6, via_proxy=2)
BLACKHOLE = replace(REFUSE, trouble="blackhole")
HANG = Outage("pricing", "hang", False, YES, YES, live_asked=5, via_proxy=3)
GOOD = Health(
    live="/health",
    ready="/ready",
    live_ms=(1.0,) * 20,
    live_statuses=(200,) * 20,
    outages=(REFUSE, BLACKHOLE, HANG),
    needs=("postgres",),
    others=("pricing",),
    ready_down_s=4.0,
    recover_s=5.0,
    ready_period_s=1.0,
    ready_timeout_s=1.0,
    orchestration="Kubernetes probes both.",
)


def told(name: str, facts: Health) -> Told:
    return next(check for check in CHECKS if check.name == name).judge(facts)


def with_outage(changed: Outage) -> Health:
    kept = [changed if each.trouble == changed.trouble else each for each in GOOD.outages]
    return replace(GOOD, outages=tuple(kept))


def test_a_healthy_app_passes() -> None:
    found = {check.name: check.judge(GOOD).verdict for check in CHECKS}
    assert found.pop("orchestration") == "declared"
    assert set(found.values()) == {"pass"}


LATE_NO = tuple(Round(5.0 + 0.2 * n, 0, 4) for n in range(5))
SILENT = (*NO[:2], Round(2.0, 0, 4, 4, 1500.0), Round(3.7, 0, 4, 4, 1500.0))
FAILS = [
    ("liveness-at-once", replace(GOOD, live_ms=(120.0,) * 20), "120 ms"),
    ("liveness-at-once", replace(GOOD, live_statuses=(200,) * 19 + (503,)), "status 503"),
    ("liveness-at-once", replace(GOOD, live_ms=(-1.0,) * 20, live_statuses=(-1,) * 20), "no answer"),
    ("liveness-at-once", with_outage(replace(REFUSE, live_bad=1)), "restart"),
    ("liveness-at-once", with_outage(replace(BLACKHOLE, live_silent=2)), "postgres was away (blackhole)"),
    ("readiness-flips", with_outage(replace(REFUSE, rounds=YES)), "went on saying yes"),
    ("readiness-flips", with_outage(replace(REFUSE, rounds=(*YES, *LATE_NO))), "said no after 5.0 s"),
    ("readiness-flips", with_outage(replace(REFUSE, rounds=(*NO, Round(1.2, 1, 3)))), "went on saying yes"),
    ("readiness-flips", with_outage(replace(REFUSE, after=NO)), "was not back"),
    ("readiness-flips", with_outage(replace(REFUSE, after=tuple(Round(6.5, 4, 0) for _ in range(4)))), "after 6.5 s"),
    ("readiness-bounded", with_outage(replace(BLACKHOLE, rounds=SILENT)), "8 of 16 readiness probes had no answer"),
    ("readiness-bounded", with_outage(replace(BLACKHOLE, rounds=YES)), "went on saying yes"),
    ("readiness-without-dependency", with_outage(replace(HANG, rounds=(*YES, *NO))), "pricing did not answer"),
    ("short-timeouts", with_outage(replace(BLACKHOLE, rounds=(*YES, *LATE_NO))), "after 5.0 s"),
]


@pytest.mark.parametrize(("name", "facts", "says"), FAILS)
def test_what_is_wrong_fails(name: str, facts: Health, says: str) -> None:
    found = told(name, facts)
    assert found.verdict == "fail"
    assert says in found.why
    assert found.advice


UNJUDGED = [
    ("liveness-at-once", replace(GOOD, live_ms=(), live_statuses=())),
    ("liveness-at-once", with_outage(replace(REFUSE, live_silent=1))),
    ("readiness-flips", with_outage(replace(REFUSE, rounds=()))),
    ("readiness-flips", with_outage(replace(REFUSE, rounds=YES, via_proxy=0))),
    ("readiness-flips", with_outage(replace(REFUSE, rounds=YES, direct=2))),
    ("readiness-bounded", with_outage(replace(BLACKHOLE, rounds=()))),
    ("readiness-bounded", with_outage(replace(BLACKHOLE, rounds=YES, direct=1))),
    ("readiness-without-dependency", with_outage(replace(HANG, rounds=(*YES, NO[0])))),
    ("readiness-without-dependency", with_outage(replace(HANG, rounds=(*YES, *NO, *YES)))),
    ("readiness-without-dependency", with_outage(replace(HANG, rounds=(*NO, *YES)))),
    ("readiness-without-dependency", with_outage(replace(HANG, rounds=()))),
    ("short-timeouts", with_outage(replace(BLACKHOLE, rounds=YES))),
]


@pytest.mark.parametrize(("name", "facts"), UNJUDGED)
def test_what_was_not_seen_is_not_judged(name: str, facts: Health) -> None:
    assert told(name, facts).verdict == "inconclusive"


def test_what_does_not_apply_says_what_to_declare() -> None:
    bare = replace(GOOD, outages=(), needs=(), others=(), orchestration="")
    found = {check.name: check.judge(bare) for check in CHECKS}
    assert found.pop("liveness-at-once").verdict == "pass"
    assert {each.verdict for each in found.values()} == {"not_applicable"}
    assert all(each.advice for each in found.values())


def test_one_round_of_no_is_no_outage_seen() -> None:
    assert replace(REFUSE, rounds=(*YES, NO[0])).down_after_s is None
    assert replace(REFUSE, rounds=(*YES, *NO[:2])).down_after_s == NO[0].at_s
    assert replace(REFUSE, after=()).back_after_s is None
