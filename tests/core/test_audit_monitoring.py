"""What each check of the monitoring row says of what was seen, and how logs, reports and metrics are read for it."""

import json
from dataclasses import replace

import pytest

from harness.audit.check import Told
from harness.audit.checks.monitoring import CHECKS
from harness.audit.collector import Posted
from harness.audit.envelopes import read_events
from harness.audit.facts.monitoring import MetricsSeen, Monitoring, Provoked, Reported, Scrape
from harness.audit.scrape import request_counters
from harness.audit.telltale import logged_as, told_in

COUNTER = "http_requests_total"
DEFECT = Provoked("GET /items", 500, False, 1, "traceback", 1)


def scrapes(*values: float) -> tuple[Scrape, ...]:
    return tuple(Scrape(({COUNTER: value}, {COUNTER: value + 1})) for value in values)


METRICS = MetricsSeen("/metrics", 20, scrapes(10, 12), scrapes(34, 36, 38))
GOOD = Monitoring(
    how="tables away",
    provoked=(DEFECT, Provoked("GET /version", 200, True, 0)),
    reports=(Reported(("UndefinedTableError",), "production", "1.0"),),
    posted=1,
    leaked=(),
    sdk=True,
    report_env="SENTRY_DSN",
    report_env_declared=False,
    canaries=("cookie", "query"),
    broken_after=(),
    metrics=METRICS,
    workers=2,
    alerting="Somebody is called.",
)


def told(name: str, facts: Monitoring) -> Told:
    return next(check for check in CHECKS if check.name == name).judge(facts)


def provoked(**changed: object) -> Monitoring:
    return replace(GOOD, provoked=(replace(DEFECT, **changed),))  # type: ignore[arg-type]


def test_a_healthy_app_passes() -> None:
    found = {check.name: check.judge(GOOD).verdict for check in CHECKS}
    assert found.pop("alerting") == "declared"
    assert set(found.values()) == {"pass"}


BACK = replace(METRICS, after=scrapes(34, 15, 36))
SHORT = replace(METRICS, after=scrapes(20, 22, 24))
TWICE = replace(METRICS, after=scrapes(62, 64, 66))
FAILS = [
    ("exception-logged", provoked(logged=""), "no line at error level"),
    ("exception-logged", provoked(status=200, as_expected=True, logged=""), "nothing stands in the log"),
    ("exception-reported", provoked(reports=0), "1 of 1 unhandled exceptions were not reported"),
    ("exception-reported", provoked(reports=2), "made 2 reports"),
    ("exception-reported", replace(GOOD, reports=(Reported((), "production", "1.0"),)), "name no exception"),
    ("report-scrubbed", replace(GOOD, leaked=("canary in cookie",)), "canary in cookie"),
    ("report-tagged", replace(GOOD, reports=(Reported(("E",), "", "1.0"),)), "no environment"),
    ("report-tagged", replace(GOOD, reports=(Reported(("E",), "production", ""),)), "no release"),
    ("errors-not-told", provoked(told=("traceback",)), "tells traceback"),
    ("metrics-right", replace(GOOD, metrics=BACK), "went back from 35 to 15"),
    ("metrics-right", replace(GOOD, metrics=SHORT), "grew by 7 over 20 requests"),
    ("metrics-right", replace(GOOD, metrics=TWICE), "more than once"),
]


@pytest.mark.parametrize(("name", "facts", "says"), FAILS)
def test_what_is_wrong_fails(name: str, facts: Monitoring, says: str) -> None:
    found = told(name, facts)
    assert found.verdict == "fail"
    assert says in found.why
    assert found.advice


HANDLED = provoked(status=503, logged="", reports=0)
UNJUDGED = [
    ("exception-logged", HANDLED),
    ("exception-reported", HANDLED),
    ("report-scrubbed", replace(GOOD, reports=())),
    ("report-scrubbed", replace(GOOD, unreadable=1)),
    ("exception-reported", replace(provoked(reports=0), unreadable=1)),
    ("report-tagged", replace(GOOD, reports=())),
    ("errors-not-told", provoked(status=200, logged="error")),
    ("metrics-right", replace(GOOD, metrics=replace(METRICS, asked=0))),
    ("metrics-right", replace(GOOD, metrics=replace(METRICS, after=(Scrape(()),)))),
    ("metrics-right", replace(GOOD, metrics=MetricsSeen("/metrics", 20, (Scrape(({},)),), (Scrape(({},)),)))),
]


@pytest.mark.parametrize(("name", "facts"), UNJUDGED)
def test_what_was_not_seen_is_not_judged(name: str, facts: Monitoring) -> None:
    assert told(name, facts).verdict == "inconclusive"


def test_an_error_that_was_answered_well_and_logged_is_nobodys_fault() -> None:
    assert told("exception-logged", provoked(status=200, logged="error")).verdict == "inconclusive"
    unknown = provoked(status=200, logged="", statements_failed=-1)
    assert told("exception-logged", unknown).verdict == "inconclusive"


def test_what_does_not_apply_says_what_to_declare() -> None:
    nothing = replace(GOOD, reports=(), posted=0, sdk=False, alerting="", metrics=MetricsSeen(""))
    for name in ("exception-reported", "report-scrubbed", "report-tagged", "alerting", "metrics-right"):
        found = told(name, nothing)
        assert (found.verdict, bool(found.advice)) == ("not_applicable", True), name
    assert told("exception-logged", replace(nothing, how="", provoked=())).verdict == "not_applicable"
    assert told("exception-reported", replace(nothing, sdk=True)).verdict == "not_applicable"


def test_silence_fails_where_reporting_is_declared() -> None:
    silent = replace(provoked(reports=0), reports=(), posted=0, report_env_declared=True)
    assert told("exception-reported", silent).verdict == "fail"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Traceback (most recent call last):\n  File …", "traceback"),
        (json.dumps({"level": "error", "exception": "Traceback (most recent call last):\n"}), "traceback"),
        (json.dumps({"level": "ERROR", "exc_type": "KeyError"}), "error"),
        (json.dumps({"level": "info", "exception": "KeyError"}), ""),
        (json.dumps({"level": "error", "message": "no"}), ""),
        ("2026-01-01 ERROR app: KeyError: 'x'", "error"),
        ('127.0.0.1 - "GET /items HTTP/1.1" 500', ""),
        ("", ""),
    ],
)
def test_a_log_tells_an_exception(text: str, found: str) -> None:
    assert logged_as(text) == found


@pytest.mark.parametrize(
    ("body", "found"),
    [
        ("Internal Server Error", ()),
        ('{"title": "Internal Server Error", "detail": "Select an item from the list."}', ()),
        ('{"detail": "relation \\"items\\" does not exist"}', ("SQL",)),
        ("SELECT name\nFROM items", ("SQL",)),
        ('Traceback (most recent call last): File "/srv/app/main.py", line 3', ("traceback", "file path")),
    ],
)
def test_a_body_tells_the_inside(body: str, found: tuple[str, ...]) -> None:
    assert told_in(body) == found


def envelope(*items: tuple[dict[str, object], dict[str, object]], length: bool = True) -> Posted:
    lines = [json.dumps({"event_id": "1"})]
    for header, payload in items:
        text = json.dumps(payload)
        lines += [json.dumps({**header, "length": len(text.encode())} if length else header), text]
    return Posted("/api/1/envelope/", "", "\n".join(lines))


ERROR: dict[str, object] = {
    "level": "error",
    "environment": "staging",
    "release": "2",
    "exception": {"values": [{"type": "KeyError"}, {"type": "RuntimeError"}]},
    "message": "ü\nü",
}


@pytest.mark.parametrize("length", [True, False])
def test_error_events_are_read_from_an_envelope(length: bool) -> None:
    posted = envelope(({"type": "session"}, {"a": 1}), ({"type": "event"}, ERROR), length=length)
    (event,) = read_events([posted])
    assert event.exceptions == ("KeyError", "RuntimeError")
    assert (event.environment, event.release) == ("staging", "2")


def test_what_is_no_error_event_is_passed_over() -> None:
    quiet = envelope(({"type": "transaction"}, ERROR), ({"type": "event"}, {"level": "info"}))
    broken = Posted("/api/1/envelope/", "", "{}\nnot json\n{\n")
    assert read_events([quiet, broken]) == []
    assert len(read_events([Posted("/api/1/store/", "", json.dumps(ERROR))])) == 1


def test_counters_of_requests_are_added_up_over_their_labels() -> None:
    page = (
        "# HELP http_requests_total x\n# TYPE http_requests_total counter\n"
        'http_requests_total{path="/a b",status="200"} 3.0\nhttp_requests_total{status="500"} 2 1700000000\n'
        "http_request_seconds_count 5\nprocess_cpu_seconds_total 1.5e-3\nhttp_requests_in_flight 1\n"
    )
    assert request_counters(page) == {"http_requests_total": 5.0, "http_request_seconds_count": 5.0}
    assert request_counters("<html>no metrics</html>") is None
    assert request_counters("") is None
