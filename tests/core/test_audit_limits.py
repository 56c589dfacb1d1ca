"""What is said of limits and timeouts, by tables of what was seen; and what is read of an nginx configuration."""

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from harness.audit.check import Told
from harness.audit.checks.limits import CHECKS
from harness.audit.facts.limits import Body, Idle, Limits, Overload, Proxy, Retried, Silence, Timed
from harness.audit.nginx_file import read_nginx

MIB = 2**20
REFUSED = Body("declared", "POST /items", 413, 20 * MIB, MIB, 0)
CHUNKED = dataclasses.replace(REFUSED, kind="chunked", sent_bytes=2 * MIB, grew_bytes=MIB)
BELOW = Body("below", "POST /items", 201, MIB - 1024, MIB - 1024, 0)
QUICK, LATE, NEVER = Timed("GET /a", 200, 0.02), Timed("GET /a", 504, 10.6), Timed("GET /a", -1, 10.5)
HUNG = Silence("pricing", 8, (Timed("GET /quote", 504, 2.1),) * 8, (QUICK,) * 10)
READ = Retried("pricing", "GET /quote", False, 1, 2, 503)
WRITE = Retried("pricing", "POST /order", True, 1, 1, 500)
IDLE = Idle(100, 100, 0, 5.0, (QUICK,) * 18)
CROWD = Overload(True, 160, 20, 200, {"200": 150, "503": 250}, retry_after=250, slowest_s=1.8)
PROXY = Proxy("nginx.conf", read_timeout_s=15, keepalive_s=60, keeps=True)

SOUND = Limits(
    deadline_s=10.0,
    slack_s=0.5,
    bodies=(REFUSED, CHUNKED, BELOW),
    body_max_bytes=MIB,
    http_parts=("pricing",),
    postgres_parts=("postgres",),
    dependency=(HUNG,),
    retried=(READ, WRITE),
    database=(Silence("postgres", None, (Timed("GET /items", 503, 4.0),) * 4),),
    idle=IDLE,
    overload=CROWD,
    proxy=PROXY,
    keepalive_s=75.0,
)


def but(**changes: Any) -> Limits:
    return dataclasses.replace(SOUND, **changes)


def body(**changes: Any) -> Limits:
    """The same, but that the body with a length ended otherwise."""
    return but(bodies=(dataclasses.replace(REFUSED, **changes), CHUNKED, BELOW))


def hung(**changes: Any) -> Limits:
    return but(dependency=(dataclasses.replace(HUNG, **changes),))


def crowd(**changes: Any) -> Limits:
    return but(overload=dataclasses.replace(CROWD, **changes))


def proxy(**changes: Any) -> Limits:
    return but(proxy=dataclasses.replace(PROXY, **changes))


def told(name: str, facts: Limits) -> Told:
    return next(check for check in CHECKS if check.name == name).judge(facts)


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.name)
def test_sound_limits_pass(check: Any) -> None:
    assert check.judge(SOUND).verdict == "pass"


WHOLE = 20 * MIB
CASES: tuple[tuple[str, str, Limits, str], ...] = (
    ("body-limited", "fail", body(status=201, sent_bytes=WHOLE), "answered 201"),
    ("body-limited", "fail", body(status=422, sent_bytes=WHOLE), "read to its end"),
    ("body-limited", "fail", body(grew_bytes=11 * MIB), "grow by 11 MiB"),
    ("body-limited", "fail", body(status=500), "answered 500"),
    ("body-limited", "fail", body(status=-1, timed_out=True), "neither taken nor refused"),
    ("body-limited", "pass", body(status=-1), "ends the connection"),
    ("body-limited", "pass", body(status=400), "answered 400"),
    ("body-limited", "pass", body(status=413, sent_bytes=WHOLE), "the app itself"),
    ("body-limited", "inconclusive", body(status=405), "says nothing of its size"),
    ("body-limited", "inconclusive", body(status=200), "says nothing of its size"),
    ("body-limited", "inconclusive", body(status=401, sent_bytes=WHOLE), "says nothing of its size"),
    ("body-limited", "inconclusive", but(bodies=()), "larger than any body"),
    (
        "body-limited",
        "fail",
        but(bodies=(REFUSED, dataclasses.replace(CHUNKED, status=200, sent_bytes=WHOLE))),
        "chunked",
    ),
    ("body-limited", "fail", but(bodies=(REFUSED, CHUNKED, dataclasses.replace(BELOW, status=413))), "within"),
    ("dependency-timeout", "fail", hung(needing=(NEVER,)), "no answer within 10.5 s"),
    ("dependency-timeout", "fail", hung(needing=(LATE,)), "no answer within 10.5 s"),
    ("dependency-timeout", "fail", hung(others=(Timed("GET /b", 200, 2.0),) * 10), "do not need it"),
    ("dependency-timeout", "pass", hung(others=(Timed("GET /b", 200, 2.0), *HUNG.others)), "not held up"),
    ("dependency-timeout", "pass", hung(others=()), "answered within"),
    ("dependency-timeout", "inconclusive", hung(reached=0), "No request came"),
    ("dependency-timeout", "not_applicable", but(http_parts=(), dependency=()), "No request line"),
    ("dependency-retries-bounded", "fail", but(retried=(dataclasses.replace(READ, failing=4),)), "4 calls"),
    ("dependency-retries-bounded", "fail", but(retried=(dataclasses.replace(WRITE, failing=2),)), "a write"),
    ("dependency-retries-bounded", "pass", but(retried=(dataclasses.replace(READ, well=2, failing=6),)), "6 for"),
    ("dependency-retries-bounded", "inconclusive", but(retried=(dataclasses.replace(READ, failing=0),)), "no call"),
    ("dependency-retries-bounded", "inconclusive", but(retried=()), "no call"),
    (
        "dependency-retries-bounded",
        "inconclusive",
        but(retried=(dataclasses.replace(READ, failing=9, background=True),)),
        "background",
    ),
    ("dependency-retries-bounded", "not_applicable", but(http_parts=()), "No request line"),
    ("deadline", "fail", but(database=(Silence("postgres", None, (Timed("GET /items", -1, 11.5),)),)), "within 11 s"),
    ("deadline", "inconclusive", but(database=()), "No request was sent"),
    ("deadline", "not_applicable", but(postgres_parts=(), database=()), "No request line"),
    ("idle-connections-survived", "fail", but(idle=dataclasses.replace(IDLE, fresh=(NEVER, NEVER, QUICK))), "2 of 3"),
    ("idle-connections-survived", "pass", but(idle=dataclasses.replace(IDLE, fresh=(NEVER, QUICK))), "1 of 2"),
    ("idle-connections-survived", "pass", but(idle=dataclasses.replace(IDLE, closed=100)), "closed 100"),
    ("idle-connections-survived", "inconclusive", but(idle=Idle(100, 3, 0, 5.0, (QUICK,))), "Only 3"),
    ("idle-connections-survived", "inconclusive", but(idle=Idle()), "Only 0"),
    ("overload-sheds", "fail", crowd(late=3), "3 had no answer"),
    ("overload-sheds", "pass", crowd(by_status={"200": 300}, retry_after=0), "none was turned away"),
    ("overload-sheds", "inconclusive", crowd(by_status={"200": 3, "-1": 300}), "Only 3"),
    ("overload-sheds", "not_applicable", but(overload=Overload()), "No request line"),
    ("proxy-in-line", "fail", proxy(read_timeout_s=10), "gives up after 10 s"),
    ("proxy-in-line", "fail", proxy(body_max_bytes=0), "any size"),
    ("proxy-in-line", "fail", proxy(keepalive_s=75), "idle connections for 75 s"),
    ("proxy-in-line", "pass", proxy(keepalive_s=75, keeps=False), "read"),
    ("proxy-in-line", "inconclusive", proxy(wrong="it is cut"), "it is cut"),
    ("proxy-in-line", "declared", but(proxy=None, proxy_declared="A load balancer."), "A load balancer."),
    ("proxy-in-line", "not_applicable", but(proxy=None), "No proxy"),
    ("keepalive-above-proxy", "fail", but(proxy=None, keepalive_s=5.0), "after 5 s"),
    ("keepalive-above-proxy", "declared", but(proxy=None, keepalive_s=5.0, proxy_declared="A load balancer."), "5 s"),
    ("keepalive-above-proxy", "pass", proxy(keepalive_s=75), "75 s"),
    ("keepalive-above-proxy", "pass", but(proxy=None, keepalive_s=None), "no idle connection"),
)


@pytest.mark.parametrize(("name", "verdict", "facts", "words"), CASES)
def test_what_was_seen_is_judged(name: str, verdict: str, facts: Limits, words: str) -> None:
    found = told(name, facts)
    assert (found.verdict, words in found.why) == (verdict, True), found
    assert found.advice or verdict not in ("fail", "not_applicable")


NGINX = """
http {
    client_max_body_size 2m;  # of all servers
    log_format line 'a { brace; } in quotes';
    upstream app { server 127.0.0.1:8000; keepalive 16; keepalive_timeout 1m; }
    server {
        location / { proxy_pass http://app; proxy_read_timeout 15s; }
        location /slow { proxy_pass http://app; proxy_read_timeout 90; client_max_body_size 8m; }
        location = /metrics { return 404; }
    }
}
"""


def test_an_nginx_configuration_is_read() -> None:
    assert read_nginx("f", NGINX) == Proxy("f", "", 15.0, 60.0, True, 8 * MIB)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("http { server { location / { proxy_pass http://a; } } }", Proxy("f")),
        ("location / { proxy_pass http://a; client_max_body_size 0; }", Proxy("f", body_max_bytes=0)),
        ("location / { proxy_pass http://a; proxy_read_timeout 500ms; }", Proxy("f", read_timeout_s=0.5)),
        ("", Proxy("f", wrong="it passes no request on (proxy_pass)")),
        ("http {", Proxy("f", wrong="a block or a directive of it has no end")),
        ("}", Proxy("f", wrong="a block of it ends where none may")),
        ("location / { proxy_pass a; proxy_read_timeout soon; }", Proxy("f", wrong="'soon' is no time or size")),
    ],
)
def test_defaults_are_those_of_nginx_and_nonsense_is_told(text: str, found: Proxy) -> None:
    assert read_nginx("f", text) == found


def test_the_proxy_of_the_reference_api_is_understood() -> None:
    file = Path(__file__).parents[2] / "docker" / "nginx.conf"
    found = read_nginx("docker/nginx.conf", file.read_text("utf-8"))
    assert (found.wrong, found.read_timeout_s, found.keepalive_s, found.keeps) == ("", 15.0, 60.0, True)
    assert found.body_max_bytes == MIB
