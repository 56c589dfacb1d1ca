"""How log lines are read, and what each check of the logging row says of what was seen."""

import json
from dataclasses import replace
from typing import Any

import pytest

from harness.audit.check import Told
from harness.audit.checks.logging import CHECKS
from harness.audit.experiments.logging import is_log, make_baits
from harness.audit.facts.logging import Leak, Levels, LogFile, Logging, PassedOn, Shape, Traced
from harness.audit.log_lines import level_of, levels_of, shape_of
from harness.model.request import RequestLine
from harness.system.open_files import OpenFile

SENT = Traced("GET /items", True, 200, "x-request-id", True)
MADE = Traced("GET /items", False, 200, "x-request-id", True)
GOOD = Logging(
    shape=Shape(20, 20, 20, ("time", "level", "message")),
    levels=Levels(20, 0),
    files=(),
    traced=(SENT, MADE),
    passed_on=(PassedOn("pricing", 1, 1, 1),),
    requests=9,
    answers=9,
    searched_lines=20,
    searched_for=("password of postgres",),
    leaks=(),
)


def told(name: str, facts: Logging) -> Told:
    return next(check for check in CHECKS if check.name == name).judge(facts)


def test_good_logs_pass_everything() -> None:
    assert {check.name: told(check.name, GOOD).verdict for check in CHECKS} == {check.name: "pass" for check in CHECKS}


@pytest.mark.parametrize(
    ("check", "changes", "verdict"),
    [
        ("structured", {"shape": Shape(9, 9, 9, ("time", "level", "message"))}, "inconclusive"),
        ("structured", {"shape": Shape(20, 18, 18, ("t", "l", "m"), "plain")}, "fail"),
        ("structured", {"shape": Shape(20, 19, 19, ("t", "l", "m"), "plain")}, "pass"),
        ("structured", {"shape": Shape(20, 20, 10, ("t", "l", "m"), "", "{}")}, "fail"),
        ("to-stdout", {"files": (LogFile("/app/app.log", "gunicorn"),)}, "fail"),
        ("to-stdout", {"shape": Shape(0, 0, 0)}, "inconclusive"),
        ("level-right", {"levels": Levels(20, 1, "DEBUG x")}, "fail"),
        ("level-right", {"levels": Levels(0, 0)}, "inconclusive"),
        ("request-id", {"traced": ()}, "inconclusive"),
        ("request-id", {"traced": (SENT,)}, "inconclusive"),
        ("request-id", {"traced": (replace(SENT, header=""), MADE)}, "fail"),
        ("request-id", {"traced": (SENT, replace(MADE, header=""))}, "fail"),
        ("request-id", {"traced": (SENT, replace(MADE, logged=False))}, "fail"),
        ("request-id", {"traced": (replace(SENT, status=-1), replace(MADE, status=-1))}, "inconclusive"),
        ("request-id-passed-on", {"passed_on": ()}, "not_applicable"),
        ("request-id-passed-on", {"passed_on": (PassedOn("pricing", 2, 0, 0),)}, "inconclusive"),
        ("request-id-passed-on", {"passed_on": (PassedOn("pricing", 2, 2, 0),)}, "fail"),
        ("no-secrets", {"leaks": (Leak("canary in Cookie", "‹canary in Cookie›"),)}, "fail"),
        ("no-secrets", {"answers": 0}, "inconclusive"),
        ("no-secrets", {"searched_lines": 0}, "inconclusive"),
    ],
)
def test_each_check_says(check: str, changes: dict[str, Any], verdict: str) -> None:
    assert told(check, replace(GOOD, **changes)).verdict == verdict


JSON = json.dumps({"time": "2026-01-01", "level": "info", "message": "a"})
STRUCTLOG = json.dumps({"event": "a", "timestamp": "2026-01-01", "level": "debug"})
LOGURU = json.dumps({"text": "a", "record": {"time": {"repr": "x"}, "level": {"name": "DEBUG", "no": 10}}})
LOGFMT = 'ts=2026-01-01 level=warn msg="two words" n=1'
GUNICORN = "[2026-01-01 00:00:00 +0000] [7] [INFO] Booting worker with pid: 7"
UVICORN = 'DEBUG:    127.0.0.1:5000 - "GET / HTTP/1.1" 200 OK'
STDLIB = "2026-01-01 00:00:00,000 DEBUG asyncio: Using selector: EpollSelector"


@pytest.mark.parametrize("line", [JSON, STRUCTLOG, LOGURU, LOGFMT])
def test_structured_lines_are_known(line: str) -> None:
    shape = shape_of([line] * 3)
    assert (shape.structured, shape.alike) == (3, 3)


@pytest.mark.parametrize("line", [GUNICORN, UVICORN, STDLIB, "{not json}", "[1, 2]", "x=1", "GET /?a=b 200"])
def test_plain_lines_are_known(line: str) -> None:
    assert shape_of([line]).structured == 0


def test_lines_of_two_kinds_are_not_alike() -> None:
    shape = shape_of([JSON, JSON, STRUCTLOG, GUNICORN])
    assert (shape.lines, shape.structured, shape.alike) == (4, 3, 2)
    assert (shape.keys, shape.first_unlike, shape.first_text) == (("time", "level", "message"), STRUCTLOG, GUNICORN)


def test_structured_lines_without_the_keys_are_not_alike() -> None:
    assert shape_of(['{"a": 1}', '{"a": 2}']) == Shape(2, 2, 0, (), "", '{"a": 1}')


@pytest.mark.parametrize(
    ("line", "level"),
    [
        (JSON, "info"),
        (STRUCTLOG, "debug"),
        (LOGURU, "debug"),
        (LOGFMT, "warn"),
        (GUNICORN, "info"),
        (UVICORN, "debug"),
        (STDLIB, "debug"),
        ('{"level": 10, "msg": "pino"}', "debug"),
        ('{"level": 30, "time": 1, "msg": "pino"}', "info"),
        ("no level here, not even for debugging", ""),
    ],
)
def test_levels_are_read(line: str, level: str) -> None:
    assert level_of(line) == level


def test_lines_below_info_are_counted() -> None:
    assert levels_of([JSON, UVICORN, "plain"]) == Levels(2, 1, UVICORN)


@pytest.mark.parametrize(
    ("path", "appends", "yes"),
    [
        ("/app/app.log", False, True),
        ("/app/audit", True, True),
        ("/app/data.bin", False, False),
        ("/dev/shm/wgunicorn-x", True, False),
        ("/tmp/prometheus/counter_7.db", True, False),
    ],
)
def test_a_log_file_is_told_from_others(path: str, appends: bool, yes: bool) -> None:
    assert is_log(OpenFile(7, path, appends)) is yes


PLACES = ("Authorization", "Cookie", "X-Api-Key", "?token=", "?password=", "JSON body", "malformed body")
GET = RequestLine("GET /items", path="/items")
POST = RequestLine(
    "POST /items",
    "POST",
    "/items",
    (("Authorization", "Bearer real"),),
    '{"name": "{key}"}',
    expect=(201,),
    stores=True,
)


def test_every_path_gets_every_secret_that_it_can_take() -> None:
    baits = make_baits([GET, POST], {place: f"canary of {place}" for place in PLACES})
    told = [(bait.line.path, f"{bait.line.headers} {bait.headers} {bait.query} {bait.line.body}") for bait in baits]
    for path, places in (("/items", PLACES), ("/shakedown-no-such-path", tuple(set(PLACES) - {"JSON body"}))):
        assert {place for place in places if any(path == p and f"canary of {place}" in t for p, t in told)} == set(
            places
        )


def test_a_line_that_logs_in_is_sent_as_it_is_and_as_a_strangers() -> None:
    baits = make_baits([POST], {place: f"canary of {place}" for place in PLACES})
    sent = [
        {**dict(bait.line.headers), **bait.headers}["Authorization"] for bait in baits if bait.line.path == "/items"
    ]
    assert sorted(set(sent)) == ["Bearer canary of Authorization", "Bearer real"]
