"""The edges of the reference API under Gunicorn: who may read an answer in a browser, and how much may be sent."""

import json
import socket
from collections.abc import Iterator
from contextlib import closing

import httpx
import pytest
from target_api_rig import Service, free_port, service

pytestmark = pytest.mark.real

TRUSTED, FOREIGN = "https://app.example", "https://evil.example"
LIMIT = 2**20


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """Nothing here needs the database, and the service starts without one."""
    log = tmp_path_factory.mktemp("service") / "log"
    nowhere = f"127.0.0.1:{free_port()}"
    settings = {"CORS_ORIGINS": TRUSTED, "DOCS": "true"}
    with service(f"postgresql://app:x@{nowhere}/app", f"http://{nowhere}", log, **settings) as running:
        running.wait_for("/health", 200, 20)
        yield running


def preflight(api: Service, origin: str, **more: str) -> httpx.Response:
    asked = {"Origin": origin, "Access-Control-Request-Method": "POST"} | more
    return httpx.options(f"{api.url}/items", headers=asked, trust_env=False)


def test_only_named_origins_may_read_answers(api: Service) -> None:
    allowed = preflight(api, TRUSTED, **{"Access-Control-Request-Headers": "authorization"})
    assert allowed.status_code == 200
    assert allowed.headers["Access-Control-Allow-Origin"] == TRUSTED
    assert "Access-Control-Allow-Credentials" not in allowed.headers
    assert allowed.headers["Access-Control-Allow-Methods"] == "GET, POST, DELETE"
    for refused in (preflight(api, FOREIGN), api.get("/version", {"Origin": FOREIGN})):
        assert "Access-Control-Allow-Origin" not in refused.headers
    assert preflight(api, TRUSTED, **{"Access-Control-Request-Headers": "x-anything"}).status_code == 400
    assert api.get("/nothing", {"Origin": TRUSTED}).headers["Access-Control-Allow-Origin"] == TRUSTED


@pytest.mark.parametrize("path", ["/version", "/nothing", "/items", "/ready", "/items?limit=0"])
def test_every_answer_has_the_security_headers(api: Service, path: str) -> None:
    headers = api.get(path).headers
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Content-Security-Policy"] == "default-src 'none'; frame-ancestors 'none'"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["Cache-Control"] == "no-store"
    assert headers["Strict-Transport-Security"].startswith("max-age=")


def test_the_docs_page_may_load_what_it_names_and_nothing_else(api: Service) -> None:
    page = api.get("/docs")
    policy = page.headers["Content-Security-Policy"]
    sources = {part.split("/npm/")[0] for part in page.text.split('"') if part.startswith("https://cdn")}
    assert sources
    assert all(source in policy for source in sources)


def test_a_declared_body_over_the_limit_is_refused_before_it_is_sent(api: Service) -> None:
    with closing(socket.create_connection(("127.0.0.1", api.port), timeout=20)) as wire:
        head = (
            f"POST /users HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: {LIMIT + 1}\r\n\r\n"
        )
        wire.sendall(head.encode())
        assert_refused(read_all(wire))


def test_a_chunked_body_is_refused_once_it_is_over_the_limit(api: Service) -> None:
    chunk = b"10000\r\n" + b"x" * 2**16 + b"\r\n"
    with closing(socket.create_connection(("127.0.0.1", api.port), timeout=20)) as wire:
        head = (
            b"POST /users HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
        )
        wire.sendall(head + chunk * 17)
        assert_refused(read_all(wire))


def test_a_body_of_20_mb_gets_its_answer_and_one_at_the_limit_is_read(api: Service) -> None:
    body = json.dumps({"name": "n" * 20_000_000}).encode()
    answer = httpx.post(f"{api.url}/users", content=body, trust_env=False, timeout=30)
    assert answer.status_code == 413
    at_limit = b'{"name": "' + b"n" * (LIMIT - 12) + b'"}'
    assert len(at_limit) == LIMIT
    assert httpx.post(f"{api.url}/users", content=at_limit, trust_env=False, timeout=30).status_code == 422


def read_all(wire: socket.socket) -> bytes:
    got = b""
    while part := wire.recv(65536):
        got += part
    return got


def assert_refused(got: bytes) -> None:
    head, _, body = got.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 413 "), got
    assert b"connection: close" in head.lower()
    assert b"content-security-policy" in head.lower()
    assert json.loads(body)["status"] == 413
