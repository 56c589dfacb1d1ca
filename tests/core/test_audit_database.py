"""The row database: facts to verdicts."""

import dataclasses

import pytest

from harness.audit.checks.database import CHECKS
from harness.audit.experiments.database import forbids_tls
from harness.audit.facts.database import Burst, Cut, DatabaseUse, Idle, Role, Tls

FINE = Burst(
    requests=60,
    sessions=22,
    max_connections=100,
    tables=3,
    waiting=20,
    longest_wait_s=2.5,
    left_waiting=0,
    unanswered=0,
    slowest_s=3.1,
    held_s=3.2,
    back_s=0.0,
)
WELL = DatabaseUse(
    part="postgres",
    lines=("GET /items",),
    burst=FINE,
    tls=Tls(True, 22, 22, False),
    idle=(Idle("at rest", 0, 0.0, 0.0), Idle("after the burst", 1, 0.1, 0.1)),
    cut=Cut(22, 0.2),
    roles=(Role("app", False, False),),
)
NONE = DatabaseUse()
UNKNOWN = DatabaseUse(part="postgres", why_not="no request is known", cut=Cut(2, -1.0))
REFUSED = DatabaseUse(part="postgres", lines=("GET /items",), why_not="PostgreSQL refused: permission denied")
BARE = dataclasses.replace(WELL, burst=None)


def burst(**changes: object) -> DatabaseUse:
    return dataclasses.replace(WELL, burst=dataclasses.replace(FINE, **changes))  # type: ignore[arg-type]


def but(**changes: object) -> DatabaseUse:
    return dataclasses.replace(WELL, **changes)  # type: ignore[arg-type]


CASES = (
    ("pool-fits", WELL, "pass"),
    ("pool-fits", burst(sessions=46), "pass"),
    ("pool-fits", burst(sessions=47), "fail"),
    ("pool-fits", burst(sessions=47, waiting=0), "fail"),
    ("pool-fits", burst(waiting=0), "inconclusive"),
    ("pool-fits", burst(sessions=0), "inconclusive"),
    ("pool-fits", BARE, "inconclusive"),
    ("pool-fits", UNKNOWN, "not_applicable"),
    ("pool-fits", NONE, "not_applicable"),
    ("statement-bounded", WELL, "pass"),
    ("statement-bounded", burst(longest_wait_s=10.2), "fail"),
    ("statement-bounded", burst(left_waiting=1), "fail"),
    ("statement-bounded", burst(unanswered=1), "fail"),
    ("statement-bounded", burst(slowest_s=12.1), "fail"),
    ("statement-bounded", burst(back_s=6.1), "fail"),
    ("statement-bounded", burst(back_s=-1.0), "fail"),
    ("statement-bounded", burst(waiting=0), "inconclusive"),
    ("statement-bounded", REFUSED, "inconclusive"),
    ("statement-bounded", UNKNOWN, "not_applicable"),
    ("statement-bounded", NONE, "not_applicable"),
    ("tls", WELL, "pass"),
    ("tls", but(tls=Tls(True, 22, 21, True)), "fail"),
    ("tls", but(tls=Tls(True, 22, 0, False)), "inconclusive"),
    ("tls", but(tls=Tls(True, 0, 0, False)), "inconclusive"),
    ("tls", but(tls=Tls(False, 22, 0, True)), "not_applicable"),
    ("tls", NONE, "not_applicable"),
    ("no-idle-transactions", WELL, "pass"),
    ("no-idle-transactions", but(idle=(Idle("at rest", 2, 5.1, 5.1),)), "fail"),
    ("no-idle-transactions", BARE, "inconclusive"),
    ("no-idle-transactions", NONE, "not_applicable"),
    ("survives-cut-sessions", WELL, "pass"),
    ("survives-cut-sessions", but(cut=Cut(22, 6.1)), "fail"),
    ("survives-cut-sessions", but(cut=Cut(22, -1.0, ("GET /items",))), "fail"),
    ("survives-cut-sessions", but(cut=Cut(0, 0.0)), "inconclusive"),
    ("survives-cut-sessions", UNKNOWN, "not_applicable"),
    ("survives-cut-sessions", dataclasses.replace(REFUSED, cut=Cut(2, -1.0)), "inconclusive"),
    ("survives-cut-sessions", NONE, "not_applicable"),
    ("role-limited", WELL, "pass"),
    ("role-limited", but(roles=(Role("postgres", True, True),)), "fail"),
    ("role-limited", but(roles=(Role("app", False, False), Role("owner", False, True))), "fail"),
    ("role-limited", but(roles=()), "inconclusive"),
    ("role-limited", NONE, "not_applicable"),
)


@pytest.mark.parametrize(("check", "facts", "verdict"), CASES)
def test_facts_give_the_verdict(check: str, facts: DatabaseUse, verdict: str) -> None:
    told = next(each for each in CHECKS if each.name == check).judge(facts)
    assert told.verdict == verdict, told.why
    if verdict in ("fail", "not_applicable"):
        assert told.advice


@pytest.mark.parametrize(
    ("text", "forbids"),
    [
        ("postgresql://app:x@db/app?sslmode=disable", True),
        ("postgresql+asyncpg://app:x@db/app?ssl=disable", True),
        ("postgresql://app:x@db/app?sslmode=require", False),
        ("postgresql://app:x@db/app", False),
        ("http://prices/?sslmode=disable", False),
        ("postgresql://[", False),
        ("", False),
    ],
)
def test_a_connection_string_that_forbids_tls_is_known(text: str, forbids: bool) -> None:
    assert forbids_tls(text) is forbids
