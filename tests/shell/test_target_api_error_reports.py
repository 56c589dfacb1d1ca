"""Error reports as a collector gets them: once each, tagged, and with nothing secret in them."""

import gzip
import importlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from target_api_rig import Postgres, Service, postgres_cluster, service, wait_until

from target_api import __version__

pytestmark = pytest.mark.real

CANARY = "canary-f3a9"
DSN_KEY = "dsn-key-77"


@dataclass
class Collector:
    """Speaks as much of Sentry's protocol as the SDK needs: envelopes of one JSON line for each header and item."""

    url: str
    bodies: list[bytes] = field(default_factory=list)
    hangs: bool = False
    released: threading.Event = field(default_factory=threading.Event)

    @property
    def events(self) -> list[dict[str, Any]]:
        return [event for body in self.bodies for event in events_in(body)]


def events_in(envelope: bytes) -> Iterator[dict[str, Any]]:
    _, _, rest = envelope.partition(b"\n")
    while rest.strip():
        head, _, rest = rest.partition(b"\n")
        item = json.loads(head)
        payload, rest = rest[: item["length"]], rest[item["length"] + 1 :]
        if item["type"] == "event":
            yield json.loads(payload)


def unpacked(body: bytes, encoding: str | None) -> bytes:
    """The SDK takes Brotli where it is installed."""
    if encoding == "br":
        plain: bytes = importlib.import_module("brotli").decompress(body)
        return plain
    return gzip.decompress(body) if encoding == "gzip" else body


@contextmanager
def collecting(hangs: bool = False) -> Iterator[Collector]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if collector.hangs:
                collector.released.wait(30)
                return
            collector.bodies.append(unpacked(body, self.headers["Content-Encoding"]))
            self.send_response(200)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    collector = Collector(f"http://{DSN_KEY}@127.0.0.1:{server.server_address[1]}/1", hangs=hangs)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield collector
    finally:
        collector.released.set()
        server.shutdown()
        server.server_close()
        thread.join(10)


@pytest.fixture(scope="module")
def postgres() -> Iterator[Postgres]:
    """Nothing is migrated: whatever needs a table is a mistake of ours."""
    with postgres_cluster() as cluster:
        yield cluster


@contextmanager
def reporting(postgres: Postgres, collector: Collector, folder: Path) -> Iterator[Service]:
    more = {"SENTRY_DSN": collector.url, "ENVIRONMENT": "staging"}
    with service(postgres.url(), "http://127.0.0.1:9", folder / "log", **more) as api:
        api.wait_for("/ready", 200, 20)
        yield api


def test_each_unhandled_exception_is_reported_once_with_its_tags(postgres: Postgres, tmp_path: Path) -> None:
    with collecting() as collector, reporting(postgres, collector, tmp_path) as api:
        asked = [f"trip-{n}" for n in range(4)]
        for one in asked:
            assert api.get("/items", {"X-Request-ID": one}).status_code == 500
        assert api.get("/nothing").status_code == 404
        assert api.get("/quotes/anchor").status_code == 503
        api.stop()  # sends what is under way: nothing can come after
    events = collector.events
    assert sorted(event["tags"]["request_id"] for event in events) == asked
    for event in events:
        assert (event["environment"], event["release"]) == ("staging", __version__)
        assert [one["type"] for one in event["exception"]["values"]] == ["UndefinedTableError"]


def test_no_secret_is_in_a_report_or_in_the_log(postgres: Postgres, tmp_path: Path) -> None:
    headers = {
        "Authorization": f"Bearer {CANARY}",
        "Cookie": f"session={CANARY}",
        "X-Api-Key": CANARY,
        "X-Anything": CANARY,
    }
    with collecting() as collector, reporting(postgres, collector, tmp_path) as api:
        assert api.get(f"/items?limit=3&token={CANARY}&anything={CANARY}", headers).status_code == 500
        body = {"name": "anchor", "password": f"{CANARY} is long enough"}
        assert api.post("/users", body, headers).status_code == 500
        wait_until(lambda: len(collector.events) == 2, 20, "both are reported")
        api.stop()
        log = api.log.read_text()
    assert len(collector.events) == 2
    envelopes = b"".join(collector.bodies).decode()
    for secret in (CANARY, "rig-secret"):
        assert secret not in envelopes
        assert secret not in log
    assert DSN_KEY not in log


def test_a_collector_that_hangs_does_not_hold_requests_nor_the_exit(postgres: Postgres, tmp_path: Path) -> None:
    with collecting(hangs=True) as collector, reporting(postgres, collector, tmp_path) as api:
        for _ in range(6):
            answer = api.get("/items", timeout_s=25)
            assert answer.status_code == 500
            assert answer.elapsed.total_seconds() < 10  # the collector hangs for 30 s
        assert api.process is not None
        api.process.terminate()
        assert api.process.wait(20) == 0
        assert "SIGKILL" not in api.log.read_text()
