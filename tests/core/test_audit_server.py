"""What each check of the server row says of what was seen."""

from dataclasses import replace
from typing import Any

import pytest

from harness.audit.check import Told
from harness.audit.checks.server import CHECKS
from harness.audit.experiments.server_forging import is_trusted, other_slash
from harness.audit.facts.server import (
    ColdStart,
    Ending,
    Forwarded,
    Held,
    Listening,
    Redirect,
    Replacing,
    Server,
    Settings,
)
from harness.system.cpus import read_cfs, read_max
from harness.system.sockets import read_end

KEPT = Redirect("/items/", "127.0.0.2", "http", "http", 307, 307)
NOTHING = Redirect("/items", "127.0.0.2", "", "", 200, 200)
FORWARDED = Forwarded("127.0.0.2", False, (KEPT, NOTHING), answers=2)
HELD = Held("POST /items", -0.4, 0.5, "answered", 201)
COLD = ColdStart(15.0, None, 2.0, ready_needs=True, ready_after_s=1.0)
GOOD = Server(
    workers_asked=2,
    workers_answered=2,
    cpus=2.0,
    deadline_s=10.0,
    settings=Settings("gunicorn-uvicorn", "gunicorn 27", 30.0, 30.0, 75.0),
    address="127.0.0.1",
    port=21000,
    ports_declared=(),
    listening=(Listening("127.0.0.1", 21000, "gunicorn"),),
    forwarded=FORWARDED,
    ending=Ending((HELD, HELD), 2.4, 30.0, 0, killed=False),
    replacing=Replacing(True, (2.0,), 15.0),
    cold_start=COLD,
)


def told(name: str, facts: Server) -> Told:
    return next(check for check in CHECKS if check.name == name).judge(facts)


def with_settings(**changes: Any) -> Server:
    return replace(GOOD, settings=replace(GOOD.settings, **changes))


def with_forwarded(**changes: Any) -> Server:
    return replace(GOOD, forwarded=replace(FORWARDED, **changes))


def with_ending(**changes: Any) -> Server:
    assert GOOD.ending is not None
    return replace(GOOD, ending=replace(GOOD.ending, **changes))


def with_cold(**changes: Any) -> Server:
    return replace(GOOD, cold_start=replace(COLD, **changes))


def test_a_good_server_passes_everything() -> None:
    assert {check.name: told(check.name, GOOD).verdict for check in CHECKS} == {check.name: "pass" for check in CHECKS}


@pytest.mark.parametrize(
    ("answered", "cpus", "verdict"),
    [(5, 2.0, "pass"), (6, 2.0, "fail"), (2, 0.5, "pass"), (3, 0.5, "fail"), (0, 2.0, "inconclusive")],
)
def test_workers_are_counted_against_the_cpus(answered: int, cpus: float, verdict: str) -> None:
    assert told("workers-sized", replace(GOOD, workers_answered=answered, cpus=cpus)).verdict == verdict


def test_one_worker_passes_with_a_note() -> None:
    finding = told("workers-sized", replace(GOOD, workers_answered=1))
    assert (finding.verdict, "outage" in finding.why) == ("pass", True)


@pytest.mark.parametrize(
    ("changes", "verdict"),
    [
        ({"stuck_timeout_s": None}, "fail"),
        ({"stuck_timeout_s": 4.0}, "fail"),
        ({"stuck_timeout_s": 121.0}, "fail"),
        ({"graceful_s": 9.0}, "fail"),
        ({"graceful_s": None}, "fail"),
        ({"server": "uvicorn", "stuck_timeout_s": None}, "pass"),
        ({"server": "uvicorn", "graceful_s": None}, "fail"),
    ],
)
def test_timeouts_are_read(changes: dict[str, Any], verdict: str) -> None:
    finding = told("timeouts-set", with_settings(**changes))
    assert finding.verdict == verdict
    assert finding.why.startswith("Read ")


@pytest.mark.parametrize(
    ("facts", "verdict"),
    [
        (with_ending(held=(HELD, replace(HELD, outcome="eof"))), "fail"),
        (with_ending(held=(replace(HELD, status=503),)), "pass"),
        (with_ending(killed=True, took_s=33.0), "fail"),
        (with_ending(took_s=33.0), "fail"),
        (with_ending(held=()), "inconclusive"),
        (with_ending(held=(replace(HELD, outcome="eof", accepted_s=None),)), "inconclusive"),
        (with_ending(held=(replace(HELD, accepted_s=-0.1),)), "inconclusive"),
        (with_ending(held=(replace(HELD, done_s=-0.1),)), "inconclusive"),
        (replace(GOOD, ending=None, up="The server ended."), "inconclusive"),
    ],
)
def test_a_shutdown_is_judged_by_what_was_in_hand(facts: Server, verdict: str) -> None:
    assert told("graceful-shutdown", facts).verdict == verdict


@pytest.mark.parametrize(
    ("replacing", "verdict"),
    [
        (Replacing(True, (12.0, 3.0), 15.0), "pass"),
        (Replacing(True, (12.0, 11.0), 15.0), "fail"),
        (Replacing(True, (-1.0, -1.0), 15.0), "fail"),
        (Replacing(False), "not_applicable"),
        (None, "inconclusive"),
    ],
)
def test_a_worker_has_ten_seconds_and_a_second_try(replacing: Replacing | None, verdict: str) -> None:
    assert told("worker-replaced", replace(GOOD, replacing=replacing)).verdict == verdict


@pytest.mark.parametrize(
    ("more", "declared", "verdict"),
    [
        (Listening("127.0.0.1", 5678, "debugpy"), (), "fail"),
        (Listening("0.0.0.0", 9090, "metrics"), (), "fail"),
        (Listening("0.0.0.0", 9090, "metrics"), (9090,), "pass"),
        (Listening("0.0.0.0", 21000, "gunicorn"), (), "fail"),
    ],
)
def test_only_what_was_asked_for_is_bound(more: Listening, declared: tuple[int, ...], verdict: str) -> None:
    facts = replace(GOOD, listening=(*GOOD.listening, more), ports_declared=declared)
    assert told("bound-right", facts).verdict == verdict


def test_an_address_that_was_not_seen_is_not_passed() -> None:
    assert told("bound-right", replace(GOOD, listening=())).verdict == "inconclusive"


@pytest.mark.parametrize(
    ("changes", "verdict"),
    [
        ({"redirects": (replace(KEPT, forged="https"),)}, "fail"),
        ({"redirects": (replace(KEPT, plain="https", forged="https"),)}, "pass"),
        ({"redirects": (Redirect("/", "127.0.0.2", "https", "", 307, 200),)}, "fail"),
        ({"echoed_on": ("/whoami",)}, "fail"),
        ({"lines_forged": 1, "example": "203.0.113.77 GET /"}, "fail"),
        ({"redirects": (), "lines_true": 2}, "pass"),
        ({"redirects": (), "answers": 0}, "inconclusive"),
        ({"source_is_trusted": True}, "inconclusive"),
    ],
)
def test_who_is_believed(changes: dict[str, Any], verdict: str) -> None:
    assert told("forwarded-headers", with_forwarded(**changes)).verdict == verdict


def test_trust_in_everybody_fails_although_nothing_shows_it() -> None:
    facts = replace(with_settings(trusted_proxies=("*",)), forwarded=replace(FORWARDED, source_is_trusted=True))
    finding = told("forwarded-headers", facts)
    assert (finding.verdict, finding.why[:5]) == ("fail", "Read:")


def test_what_nothing_shows_is_said_to_be_read() -> None:
    finding = told("forwarded-headers", with_forwarded(redirects=(NOTHING,)))
    assert (finding.verdict, finding.why[:5]) == ("pass", "Read:")


@pytest.mark.parametrize(
    ("facts", "verdict"),
    [
        (with_cold(exit_code=3, lived_after_s=-1.0, ready_after_s=-1.0), "fail"),
        (with_cold(lived_after_s=-1.0), "fail"),
        (with_cold(said_ready=True), "fail"),
        (with_cold(said_ready=True, ready_needs=False), "pass"),
        (with_cold(ready_after_s=-1.0), "fail"),
        (replace(GOOD, cold_start=None), "not_applicable"),
    ],
)
def test_a_start_before_the_database(facts: Server, verdict: str) -> None:
    assert told("boots-without-database", facts).verdict == verdict


@pytest.mark.parametrize(
    ("path", "other"),
    [("/items", "/items/"), ("/items/?a=1", "/items?a=1"), ("/items?a=1", "/items/?a=1"), ("/", "//")],
)
def test_a_slash_more_or_less(path: str, other: str) -> None:
    assert other_slash(path) == other


def test_trust_is_read_as_addresses_networks_and_everybody() -> None:
    assert is_trusted("127.0.0.2", ("127.0.0.0/8",))
    assert is_trusted("127.0.0.2", ("*",))
    assert not is_trusted("127.0.0.2", ("127.0.0.1", "proxy.internal"))


def test_quotas_are_read_in_both_versions() -> None:
    assert (read_max("150000 100000"), read_max("max 100000"), read_max("")) == (1.5, None, None)
    assert (read_cfs("50000", "100000"), read_cfs("-1", "100000")) == (0.5, None)


def test_addresses_are_read_as_the_kernel_writes_them() -> None:
    assert read_end("0100007F:1F90") == ("127.0.0.1", 8080)
    assert read_end("00000000000000000000000001000000:0050") == ("::1", 80)
