"""What each check of the testing row says of what was seen."""

from dataclasses import replace

import pytest

from harness.audit.check import Told
from harness.audit.checks.testing import CHECKS
from harness.audit.experiments.testing import matches
from harness.audit.facts.testing import Asked, Documented, LineLoad, LoadSeen, Tried
from harness.audit.lines import get_paths

LOAD = LoadSeen(
    rate_rps=50,
    duration_s=8,
    n=400,
    errors=0,
    over=0,
    not_sent=0,
    p50_ms=3.0,
    p99_ms=12.0,
    lag_p99_ms=0.5,
    loop_lag_ms=4.0,
    foreign_cpu_share=0.02,
    lines=(LineLoad("GET /items", 400, 0, 3.0, 12.0),),
)
GOOD = Tried(
    asked=(
        Asked("GET /health", 200, (200,), True, 1.0),
        Asked("GET /ready", 200, (200,), True, 1.0),
        Asked("GET /items", 200, (200,), True, 3.0),
    ),
    lines_declared=True,
    schema="served",
    documented=(Documented("GET /items", 200, True, True),),
    loads=(LOAD,),
    p99_ms=250,
    error_rate=0.001,
    loop_lag_ms=100,
    foreign_cpu_share=0.25,
    ci="It runs.",
    staging="They are tried.",
)


def told(name: str, facts: Tried) -> Told:
    return next(check for check in CHECKS if check.name == name).judge(facts)


def loaded(**changed: float) -> Tried:
    return replace(GOOD, loads=(replace(LOAD, **changed),))  # type: ignore[arg-type]


def test_a_healthy_app_passes() -> None:
    found = {check.name: check.judge(GOOD).verdict for check in CHECKS}
    assert found == {
        "smoke": "pass",
        "schema-honest": "pass",
        "load-baseline": "pass",
        "migrations-tried": "declared",
        "ci": "declared",
    }


def test_the_figures_are_the_evidence() -> None:
    evidence = told("load-baseline", GOOD).evidence
    assert {name: evidence[name] for name in ("rate_rps", "n", "p50_ms", "p99_ms")} == {
        "rate_rps": 50,
        "n": 400,
        "p50_ms": 3.0,
        "p99_ms": 12.0,
    }


WRONG = (*GOOD.asked[:2], Asked("GET /items", 500, (200,), False, 3.0))
SILENT = (*GOOD.asked[:2], Asked("GET /items", -1, (200,), False, 3.0))
BODY = (*GOOD.asked[:2], Asked("GET /items", 200, (200,), False, 3.0))
FAILS = [
    ("smoke", replace(GOOD, asked=WRONG), "GET /items was answered 500 (expected: 200)"),
    ("smoke", replace(GOOD, asked=SILENT), "had no answer"),
    ("smoke", replace(GOOD, asked=BODY), "another body"),
    ("schema-honest", replace(GOOD, schema="broken"), "no OpenAPI document"),
    ("load-baseline", loaded(errors=8), "8 of 400 requests failed"),
    ("load-baseline", loaded(over=40, p99_ms=600.0), "40 of 400 requests took longer than 250 ms"),
    # Requests that waited for a connection left late because the app is slow, not because the machine is.
    ("load-baseline", loaded(over=400, p99_ms=9000.0, lag_p99_ms=4000.0, not_sent=30), "400 of 400"),
]


@pytest.mark.parametrize(("name", "facts", "says"), FAILS)
def test_what_is_wrong_fails(name: str, facts: Tried, says: str) -> None:
    found = told(name, facts)
    assert found.verdict == "fail"
    assert says in found.why
    assert found.advice


UNJUDGED = [
    ("smoke", replace(GOOD, asked=())),
    ("schema-honest", replace(GOOD, documented=(Documented("GET /items", 200, False, False),))),
    ("schema-honest", replace(GOOD, documented=(Documented("GET /items", 418, True, False),))),
    ("load-baseline", replace(GOOD, loads=())),
    ("load-baseline", loaded(n=40)),
    ("load-baseline", loaded(errors=1)),
    ("load-baseline", loaded(over=5, p99_ms=260.0)),
    ("load-baseline", loaded(over=40, p99_ms=600.0, loop_lag_ms=180.0)),
    ("load-baseline", loaded(over=40, p99_ms=600.0, foreign_cpu_share=0.4)),
    ("load-baseline", loaded(over=40, p99_ms=600.0, lag_p99_ms=80.0)),
]


@pytest.mark.parametrize(("name", "facts"), UNJUDGED)
def test_what_was_not_seen_is_not_judged(name: str, facts: Tried) -> None:
    assert told(name, facts).verdict == "inconclusive"


def test_the_last_load_counts() -> None:
    assert told("load-baseline", replace(GOOD, loads=(replace(LOAD, errors=8), LOAD))).verdict == "pass"


def test_what_does_not_apply_says_what_to_declare() -> None:
    bare = replace(
        GOOD, asked=GOOD.asked[:2], lines_declared=False, schema="absent", documented=(), loads=(), ci="", staging=""
    )
    found = {check.name: check.judge(bare) for check in CHECKS}
    assert found.pop("smoke").verdict == "pass"
    assert {each.verdict for each in found.values()} == {"not_applicable"}
    assert all(each.advice for each in found.values())


@pytest.mark.parametrize(
    ("template", "path", "fits"),
    [
        ("/quotes/{kind}", "/quotes/anchor?x=1", True),
        ("/quotes/{kind}", "/quotes", False),
        ("/items", "/items?limit=10", True),
        ("/items", "/users", False),
    ],
)
def test_a_path_is_found_by_its_template(template: str, path: str, fits: bool) -> None:
    assert matches(template, path) is fits


def test_only_paths_that_need_nothing_are_asked_unasked() -> None:
    needy = {"get": {"parameters": [{"name": "q", "in": "query", "required": True}]}}
    paths = {"/a": {"get": {}}, "/b/{id}": {"get": {}}, "/c": needy, "/d": {"post": {}}, "/e": None}
    assert get_paths({"paths": paths}) == ["/a"]
    assert get_paths({}) == []
