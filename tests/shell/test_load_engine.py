"""What the load engine alone can do: TLS, connections ahead of time, arrivals that it came to too late itself."""

import asyncio
import os
import signal
import ssl
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from load_fault_server import fault_server

from harness.load.client import ENGINE_DRIVER, LoadDied, LoadDriver, spawn_child
from harness.load.engine.alarm import Alarm
from harness.load.engine.run import Run
from harness.load.profile import Profile, Segment, Tls
from harness.load.rows_file import read_rows
from harness.model import samples
from harness.model.request import RequestLine
from harness.model.rows import NO_CONN, Outcome, Rows, ledger

pytestmark = pytest.mark.real

MS = 1_000_000
DATA = Path(__file__).parents[1] / "data" / "tls"
AUTHORITY = str(DATA / "certificate.pem")
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
LAST = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok"


def server_tls() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(DATA / "certificate.pem", DATA / "key.pem")
    return context


class Server:
    """Answers everything at once; an answer to /close is the last one of its connection."""

    def __init__(self) -> None:
        self.port = self.requests = 0
        self.connected: list[int] = []
        self.first_request = 0
        self.heads: list[bytes] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connected.append(time.monotonic_ns())
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                self.requests += 1
                self.first_request = self.first_request or time.monotonic_ns()
                self.heads.append(head)
                is_last = b" /close " in head
                writer.write(LAST if is_last else ANSWER)
                if is_last:
                    break
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


@asynccontextmanager
async def serving(*, tls: bool = False) -> AsyncIterator[Server]:
    server = Server()
    listener = await asyncio.start_server(server.serve, "127.0.0.1", 0, ssl=server_tls() if tls else None)
    server.port = listener.sockets[0].getsockname()[1]
    try:
        yield server
    finally:
        listener.close()


def profile_for(port: int, path: str = "/", duration_s: float = 0.5, rate_rps: float = 100, **changes: Any) -> Profile:
    segments, requests = (Segment.steady(duration_s, rate_rps),), (RequestLine(path, path=path),)
    patient = {"timeout_s": 10.0, "connect_timeout_s": 10.0, "late_s": 30.0}
    return Profile("127.0.0.1", port, segments, requests, **{**patient, **changes})


async def run_load(profile: Profile, path: Path, lead_ms: int = 50, freeze_s: float = 0.0) -> Rows:
    async with await LoadDriver.launch(spawn_child, ENGINE_DRIVER) as driver:
        ready = await driver.prepare(profile, path)
        await driver.start(time.monotonic_ns() + lead_ms * MS)
        if freeze_s:
            await anext(driver.sums())
            os.kill(driver.pid, signal.SIGSTOP)
            await asyncio.sleep(freeze_s)
            os.kill(driver.pid, signal.SIGCONT)
        done = await driver.wait_done(30)
    rows = read_rows(path)
    book = ledger(rows, ready.arrivals)
    assert book.balanced
    assert (done.sent, done.not_sent) == (book.sent, book.not_sent)
    return rows


def outcomes(rows: Rows) -> set[Outcome]:
    return {Outcome(code) for code in rows["code"]}


@pytest.mark.parametrize("path", ["/", "/close"])
def test_a_load_goes_over_tls(tmp_path: Path, path: str) -> None:
    async def scene() -> None:
        async with serving(tls=True) as server:
            tls = Tls(ca_file=AUTHORITY, server_name="service.test")
            rows = await run_load(profile_for(server.port, path, tls=tls), tmp_path / "rows")
            assert outcomes(rows) == {Outcome.OK}
            assert server.requests == len(rows) == 50
            assert len(server.connected) == (50 if path == "/close" else len(set(rows["conn"].tolist())))
            assert all(f"Host: service.test:{server.port}".encode() in head for head in server.heads)
            assert (rows["sent"] >= 0).all()
            assert (rows["first"] <= rows["done"]).all()

    asyncio.run(scene())


OVER_TLS = {
    "/ok": {Outcome.OK},
    "/close": {Outcome.OK},
    "/close-delimited": {Outcome.OK},
    "/500": {Outcome.BAD_STATUS},
    "/garbage": {Outcome.PROTOCOL},
    "/mute": {Outcome.TIMEOUT},
    "/slow-body": {Outcome.TIMEOUT_PARTIAL},
    "/eof": {Outcome.EOF_FRESH, Outcome.EOF_REUSED},
    "/eof-headers": {Outcome.EOF_HEADERS},
    "/eof-body": {Outcome.EOF_BODY},
    "/eof-chunk": {Outcome.EOF_BODY},
    "/rst": {Outcome.RESET_FRESH, Outcome.RESET_REUSED},
    "/rst-headers": {Outcome.RESET_HEADERS},
    "/rst-body": {Outcome.RESET_BODY},
    "/rst-delimited": {Outcome.RESET_BODY},
}


def test_each_way_to_fail_has_its_outcome_over_tls_too(tmp_path: Path) -> None:
    async def scene() -> None:
        async with fault_server(server_tls()) as server:
            requests = tuple(RequestLine(path, path=path) for path in OVER_TLS)
            tls = Tls(ca_file=AUTHORITY, server_name="service.test")
            profile = replace(profile_for(server.port, rate_rps=160, tls=tls, timeout_s=2.0), requests=requests)
            rows = await run_load(profile, tmp_path / "rows")
            for index, (path, expected) in enumerate(OVER_TLS.items()):
                mine = samples.of_endpoint(rows, index)
                assert len(mine) == server.seen[path] > 0, path
                assert outcomes(mine) <= expected, path

    asyncio.run(scene())


@pytest.mark.parametrize(
    ("tls", "expected"),
    [
        (Tls(), Outcome.CONNECT_OTHER),
        (Tls(ca_file=AUTHORITY), Outcome.CONNECT_OTHER),
        (Tls(verify=False), Outcome.OK),
    ],
    ids=["unknown authority", "another name", "not verified"],
)
def test_a_certificate_is_verified_unless_told_not_to(tmp_path: Path, tls: Tls, expected: Outcome) -> None:
    async def scene() -> None:
        async with serving(tls=True) as server:
            rows = await run_load(profile_for(server.port, duration_s=0.1, tls=tls), tmp_path / "rows")
            assert outcomes(rows) == {expected}
            assert server.requests == (len(rows) if expected == Outcome.OK else 0)

    asyncio.run(scene())


def test_a_file_without_certificates_is_told(tmp_path: Path) -> None:
    (tmp_path / "empty.pem").write_text("nothing")

    async def scene() -> None:
        async with await LoadDriver.launch(spawn_child, ENGINE_DRIVER) as driver:
            profile = profile_for(1, tls=Tls(ca_file=str(tmp_path / "empty.pem")))
            with pytest.raises(LoadDied, match=r"ca_file .*empty\.pem gives no certificates"):
                await driver.prepare(profile, tmp_path / "rows")

    asyncio.run(scene())


@pytest.mark.parametrize("tls", [None, Tls(verify=False)], ids=["plain", "tls"])
def test_connections_can_be_opened_before_the_start(tmp_path: Path, tls: Tls | None) -> None:
    async def scene() -> None:
        async with serving(tls=tls is not None) as server:
            profile = profile_for(server.port, rate_rps=500, preconnect=True, connections=40, tls=tls)
            rows = await run_load(profile, tmp_path / "rows", lead_ms=1500)
            assert outcomes(rows) == {Outcome.OK}
            assert len(server.connected) == 40, "never more than may be open"
            assert sum(at < server.first_request for at in server.connected) >= 20

    asyncio.run(scene())


def test_nobody_to_connect_to_ahead_of_time_is_told_by_the_arrivals(tmp_path: Path) -> None:
    async def scene() -> None:
        async with serving() as server:
            port = server.port
        rows = await run_load(profile_for(port, preconnect=True), tmp_path / "rows")
        assert outcomes(rows) == {Outcome.REFUSED}

    asyncio.run(scene())


def test_what_the_engine_itself_came_to_too_late_is_not_sent(tmp_path: Path) -> None:
    async def scene() -> None:
        async with serving() as server:
            profile = profile_for(server.port, duration_s=4, late_s=0.5)
            rows = await run_load(profile, tmp_path / "rows", freeze_s=1.5)
            late = rows[rows["code"] == Outcome.NOT_SENT_LATE]
            assert 50 <= len(late) < 350
            assert (late["conn"] == NO_CONN).all()
            assert (late["sent"] == -1).all()
            sent = rows[rows["code"] == Outcome.OK]
            assert len(sent) + len(late) == len(rows) == 400
            assert server.requests == len(sent)

    asyncio.run(scene())


def test_each_arrival_has_its_row_of_a_file(tmp_path: Path) -> None:
    (tmp_path / "users.csv").write_text("id\n" + "".join(f"u{i}\n" for i in range(20)))

    async def scene() -> None:
        async with serving() as server:
            profile = profile_for(server.port, "/{values.id}/{key}", values=str(tmp_path / "users.csv"))
            rows = await run_load(profile, tmp_path / "rows")
            assert outcomes(rows) == {Outcome.OK}
            asked = sorted(head.split(b" ")[1].decode() for head in server.heads)
            assert asked == sorted(f"/u{k % 20}/k-{k}" for k in range(50))

    asyncio.run(scene())


@pytest.mark.parametrize("rate_rps", [1000, 40_000])
def test_arrivals_have_alarms_of_their_own_as_long_as_there_are_not_too_many(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rate_rps: float
) -> None:
    alarms: list[int] = []

    def note(its: Alarm, at_ns: int, ring: Callable[[Alarm, int], None] = Alarm.set) -> None:
        alarms.append(at_ns)
        ring(its, at_ns)

    monkeypatch.setattr(Alarm, "set", note)

    async def scene() -> int:
        async with serving() as server:
            profile = profile_for(server.port, rate_rps=rate_rps, duration_s=0.1, arrivals="poisson", connections=8)
            run, t0 = Run(profile, str(tmp_path / "rows")), time.monotonic_ns()
            run.engine.start(t0, t0)
            await asyncio.wait_for(run.finished.wait(), 30)
            run.end()
            return t0

    t0 = asyncio.run(scene())
    rows = read_rows(tmp_path / "rows")
    assert len(rows) > 0.05 * rate_rps
    assert outcomes(rows) == {Outcome.OK}
    assert (rows["sent"] >= rows["intended"]).all(), "nothing leaves before it is due"
    if rate_rps < 5000:
        assert np.isin(alarms, rows["intended"] + t0).all()
    assert len(alarms) <= (alarms[-1] - alarms[0]) / (0.2 * MS) + 12
