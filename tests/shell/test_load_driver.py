"""Each load driver as a real process, against a server that breaks in known ways."""

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pytest
from load_fault_server import ANSWERS, fault_server

from harness.load.client import (
    ENGINE_DRIVER,
    MASTER_DRIVER,
    Child,
    LoadDied,
    LoadDriver,
    driver_environment,
    spawn_child,
)
from harness.load.messages import Done
from harness.load.profile import Profile, Segment
from harness.load.rows_file import read_rows
from harness.load.schedule import Schedule
from harness.model import samples
from harness.model.request import RequestLine
from harness.model.rows import Flag, Ledger, Outcome, Rows, ledger, nearest_rank

pytestmark = pytest.mark.real

MS = 1_000_000
DEADLINE_S = 60.0
NO_LOCUST = -1


THROUGH_A_MASTER: set[str] = set()
Test = TypeVar("Test", bound=Callable[..., None])


def through_a_master(test: Test) -> Test:
    """Marks what master and worker could do differently from the engine below them, which is seen alone as well."""
    THROUGH_A_MASTER.add(test.__name__)
    return test


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    drivers = {"engine": ENGINE_DRIVER}
    if metafunc.definition.originalname in THROUGH_A_MASTER:
        drivers["master"] = MASTER_DRIVER
    metafunc.parametrize("driver", list(drivers.values()), ids=list(drivers), indirect=True)


@pytest.fixture(autouse=True)
def driver(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Which one LoadDriver.launch() starts."""
    monkeypatch.setattr(LoadDriver.launch.__func__, "__defaults__", (spawn_child, request.param))  # type: ignore[attr-defined]


def lines_for(*paths: str) -> tuple[RequestLine, ...]:
    return tuple(RequestLine(path, "HEAD" if path == "/head" else "GET", path) for path in paths)


def profile_for(port: int, *paths: str, duration_s: float = 1, rate_rps: float = 50, **changes: Any) -> Profile:
    plain: dict[str, Any] = {
        "host": "127.0.0.1",
        "port": port,
        "segments": (Segment.steady(duration_s, rate_rps),),
        "requests": lines_for(*paths),
        "timeout_s": 0.5,
        "late_s": 30.0,  # a machine that is busy elsewhere is no part of these tests
    }
    return Profile(**{**plain, **changes})


async def run_load(
    profile: Profile, path: Path, at_start: Callable[[LoadDriver, int], Awaitable[None]] | None = None
) -> tuple[Done, Rows]:
    async with await LoadDriver.launch() as driver:
        ready = await driver.prepare(profile, path)
        assert ready.self_test == "ok"
        t0 = time.monotonic_ns() + 50 * MS
        await driver.start(t0)
        if at_start:
            await at_start(driver, t0)
        done = await driver.wait_done(DEADLINE_S)
        sums = [total async for total in driver.sums()]
    rows = read_rows(path)
    last = sums[-1]
    assert (last.sent, last.not_sent, last.in_flight, last.ok) == (done.sent, done.not_sent, 0, done.ok)
    check_balance(rows, done, ready.arrivals)
    return done, rows


def check_balance(rows: Rows, done: Done, arrivals: int) -> None:
    book: Ledger = ledger(rows, arrivals)
    assert arrivals
    assert book.balanced
    assert done.rows == done.due == len(rows) == arrivals
    told = (done.sent, done.answered, done.failed, done.timed_out, done.unfinished, done.not_sent)
    assert told == (book.sent, book.answered, book.failed, book.timed_out, book.unfinished, book.not_sent)
    assert done.locust_requests in (book.sent, NO_LOCUST)


def outcomes(rows: Rows) -> set[Outcome]:
    return {Outcome(code) for code in rows["code"]}


def one_at_a_time(rows: Rows) -> bool:
    """Whether no connection ever carried two requests at once."""
    sent = np.sort(rows[rows["sent"] >= 0], order=["conn", "sent"])
    same = sent["conn"][1:] == sent["conn"][:-1]
    return bool((sent["sent"][1:][same] >= sent["done"][:-1][same]).all())


EXPECTED = {
    "/ok": {Outcome.OK},
    "/chunked": {Outcome.OK},
    "/none": {Outcome.OK},
    "/head": {Outcome.OK},
    "/interim": {Outcome.OK},
    "/extra": {Outcome.OK},
    "/close-delimited": {Outcome.OK},
    "/moved": {Outcome.BAD_STATUS},
    "/500": {Outcome.BAD_STATUS},
    "/json": {Outcome.WRONG_BODY},
    "/garbage": {Outcome.PROTOCOL},
    "/upgrade": {Outcome.PROTOCOL},
    "/mute": {Outcome.TIMEOUT},
    "/slow-body": {Outcome.TIMEOUT_PARTIAL},
    "/eof": {Outcome.EOF_FRESH, Outcome.EOF_REUSED},
    "/rst": {Outcome.RESET_FRESH, Outcome.RESET_REUSED},
    "/eof-headers": {Outcome.EOF_HEADERS},
    "/eof-body": {Outcome.EOF_BODY},
    "/eof-chunk": {Outcome.EOF_BODY},
    "/rst-headers": {Outcome.RESET_HEADERS},
    "/rst-body": {Outcome.RESET_BODY},
    "/rst-chunk": {Outcome.RESET_BODY},
    "/rst-delimited": {Outcome.RESET_BODY},
    "/slow-head": {Outcome.TIMEOUT_PARTIAL},
    "/close": {Outcome.OK},
    "/empty": {Outcome.OK},
    "/not-modified": {Outcome.BAD_STATUS},
    "/continue": {Outcome.OK},
    "/trailer": {Outcome.OK},
    "/old": {Outcome.OK},
    "/old-kept": {Outcome.OK},
    "/double": {Outcome.OK},
    "/two-lengths": {Outcome.PROTOCOL},
    "/both-lengths": {Outcome.PROTOCOL},
    "/bad-chunk": {Outcome.PROTOCOL},
    "/ssh": {Outcome.PROTOCOL},
}


@through_a_master
def test_each_way_to_fail_has_its_own_outcome(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"SKIP_MONKEY_PATCH": "1", "USERS": "9", "RUN_TIME": "1s", "LOCUSTFILE": "/no.py"}.items():
        monkeypatch.setenv(f"LOCUST_{name}", value)
    requests = tuple(
        RequestLine(
            line.name, line.method, line.path, expect=(200, 204), expect_json='{"n": 2}' * (line.path == "/json")
        )
        for line in lines_for(*EXPECTED)
    )

    async def scene() -> None:
        async with fault_server() as server:
            more = {
                "requests": requests,
                "pid_header": "X-Pid",
                "timeout_s": 1.5,
            }  # nobody is timed out by a busy machine
            profile = profile_for(server.port, duration_s=2.5, rate_rps=200, **more)
            _, rows = await run_load(profile, tmp_path / "rows")
            check_outcomes(rows)
            assert dict(server.seen) == {path: len(samples.of_endpoint(rows, i)) for i, path in enumerate(EXPECTED)}, (
                "what was sent arrived once"
            )

    asyncio.run(scene())


def check_outcomes(rows: Rows) -> None:
    for i, (path, expected) in enumerate(EXPECTED.items()):
        mine = samples.of_endpoint(rows, i)
        assert len(mine), path
        assert outcomes(mine) <= expected, path
    for code, flag in ((Outcome.EOF_FRESH, 0), (Outcome.RESET_FRESH, 0), (Outcome.EOF_REUSED, 1)):
        assert (rows[rows["code"] == code]["flags"] & Flag.REUSED == flag).all()
    index = list(EXPECTED).index
    assert (samples.of_endpoint(rows, index("/ok"))["pid"] == 4711).all()
    assert (samples.of_endpoint(rows, index("/moved"))["status"] == 302).all()
    for path, flag in (
        ("/extra", Flag.UNSOLICITED),
        ("/double", Flag.UNSOLICITED),
        ("/interim", Flag.INTERIM),
        ("/continue", Flag.INTERIM),
    ):
        assert (samples.of_endpoint(rows, index(path))["flags"] & flag == flag).all(), path
    assert (samples.of_endpoint(rows, index("/close-delimited"))["flags"] & Flag.CLOSE_DELIMITED).all()
    answered = rows[rows["first"] >= 0]
    assert (answered["sent"] <= answered["done"]).all()
    assert (answered["first"] <= answered["done"]).all()
    assert one_at_a_time(rows)


def test_a_stall_is_seen_by_every_request_that_was_due(tmp_path: Path) -> None:
    async def scene() -> None:
        async with fault_server() as server:
            profile = profile_for(server.port, "/ok", duration_s=5, rate_rps=100, timeout_s=10)

            async def stall(_: LoadDriver, t0: int) -> None:
                server.stalled = (t0 + 1000 * MS, t0 + 3000 * MS)

            _, rows = await run_load(profile, tmp_path / "rows", stall)
            due = Schedule(profile).whole().intended_ns
            truth = np.where((due >= 1000 * MS) & (due < 3000 * MS), 3000 * MS - due, 0)
            for per_mille in (900, 950, 990):
                wanted = nearest_rank(truth, per_mille)
                assert nearest_rank(samples.response_ns(rows), per_mille) == pytest.approx(wanted, rel=0.03)
            assert (np.sort(rows["intended"]) == due).all()
            assert one_at_a_time(rows)

    asyncio.run(scene())


def test_as_many_resets_are_counted_as_the_server_made(tmp_path: Path) -> None:
    async def scene() -> None:
        async with fault_server() as server:
            done, rows = await run_load(profile_for(server.port, "/third-rst", rate_rps=150), tmp_path / "rows")
            reset = rows[rows["code"] == Outcome.RESET_REUSED]
            assert len(reset) == server.resets >= 49
            assert done.locust_failures in (len(reset), NO_LOCUST)
            assert done.failed == len(reset)
            assert server.seen["/third-rst"] == done.sent == 150

    asyncio.run(scene())


def test_a_mute_server_times_every_request_out(tmp_path: Path) -> None:
    async def scene() -> None:
        async with fault_server() as server:
            done, rows = await run_load(profile_for(server.port, "/mute"), tmp_path / "rows")
            assert outcomes(rows) == {Outcome.TIMEOUT}
            assert done.timed_out == 50
            assert done.locust_failures in (50, NO_LOCUST)
            open_for = rows["done"] - rows["sent"]
            assert (open_for >= 499 * MS).all()
            assert np.median(open_for) < 700 * MS
            assert len(samples.open_longer(rows, 400 * MS)) == 50

    asyncio.run(scene())


def test_an_answer_that_comes_too_late_is_nobody_elses(tmp_path: Path) -> None:
    async def scene() -> None:
        async with fault_server() as server:
            profile = profile_for(server.port, "/late", "/json", rate_rps=40, connections=30)
            _, rows = await run_load(profile, tmp_path / "rows")
            late, other = (samples.of_endpoint(rows, i) for i in range(2))
            assert outcomes(late) == {Outcome.TIMEOUT}
            assert outcomes(other) == {Outcome.OK}
            assert server.seen == {"/late": len(late), "/json": len(other)}
            assert (other["bytes"] == len(ANSWERS["/json"])).all()
            for row in late:
                on_it = rows[rows["conn"] == row["conn"]]
                assert on_it["sent"].max() == row["sent"], "nothing is sent where an answer is still to come"
            assert server.answered_late
            assert one_at_a_time(rows)

    asyncio.run(scene())


def test_a_full_backlog_times_every_connection_out(tmp_path: Path) -> None:
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        address = listener.getsockname()
        stack.enter_context(socket.create_connection(address))  # takes the only place, and nobody accepts it
        profile = profile_for(address[1], "/ok", duration_s=0.5, connect_timeout_s=0.3)
        done, rows = asyncio.run(run_load(profile, tmp_path / "rows"))
    assert outcomes(rows) == {Outcome.CONNECT_TIMEOUT}
    assert done.timed_out == 25
    assert (rows["sent"] == -1).all()
    assert (rows["done"] - rows["intended"] >= 299 * MS).all()


def test_a_closed_port_refuses_every_request(tmp_path: Path) -> None:
    async def scene() -> None:
        async with fault_server() as server:
            port = server.port
        done, rows = await run_load(profile_for(port, "/ok"), tmp_path / "rows")
        assert outcomes(rows) == {Outcome.REFUSED}
        assert (rows["sent"] == -1).all()
        assert done.failed == 50

    asyncio.run(scene())


def test_what_finds_no_connection_in_time_is_not_sent(tmp_path: Path) -> None:
    async def scene() -> None:
        async with fault_server() as server:
            profile = profile_for(server.port, "/mute", connections=2, queue_timeout_s=0.3)
            done, rows = await run_load(profile, tmp_path / "rows")
            assert outcomes(rows) == {Outcome.TIMEOUT, Outcome.NOT_SENT}
            assert done.not_sent > 30
            assert server.seen["/mute"] == done.sent
            assert one_at_a_time(rows)

    asyncio.run(scene())


@through_a_master
def test_a_stop_names_what_was_open_and_what_was_not_sent(tmp_path: Path) -> None:
    async def scene() -> None:
        async with fault_server() as server:
            profile = profile_for(server.port, "/mute", duration_s=60, rate_rps=20, timeout_s=30)

            async def stop_soon(driver: LoadDriver, _: int) -> None:
                async for total in driver.sums():
                    if total.sent >= 5:
                        break
                await driver.stop(drain_s=0.2)

            done, rows = await run_load_stopped(profile, tmp_path / "rows", stop_soon)
            assert done.reason == "stop"
            assert outcomes(rows) == {Outcome.UNFINISHED, Outcome.NOT_SENT_STOP}
            assert len(samples.open_at_end(rows)) == done.unfinished == server.seen["/mute"] >= 5
            assert samples.errors(rows).n == 0

    asyncio.run(scene())


async def run_load_stopped(
    profile: Profile, path: Path, stop: Callable[[LoadDriver, int], Awaitable[None]]
) -> tuple[Done, Rows]:
    async with await LoadDriver.launch() as driver:
        ready = await driver.prepare(profile, path)
        t0 = time.monotonic_ns()
        await driver.start(t0)
        await stop(driver, t0)
        done = await driver.wait_done(DEADLINE_S)
    check_balance(read_rows(path), done, ready.arrivals)
    return done, read_rows(path)


def test_a_signal_ends_the_load_with_a_balance(tmp_path: Path) -> None:
    async def scene() -> None:
        async with fault_server() as server:

            async def terminate(driver: LoadDriver, _: int) -> None:
                await anext(driver.sums())
                os.kill(driver.pid, signal.SIGTERM)

            profile = profile_for(server.port, "/ok", duration_s=60)
            done, _ = await run_load_stopped(profile, tmp_path / "rows", terminate)
            assert done.reason == "signal"
            assert done.answered
            assert done.not_sent

    asyncio.run(scene())


def test_rows_can_share_the_clock_of_the_trial(tmp_path: Path) -> None:
    async def scene() -> None:
        async with fault_server() as server, await LoadDriver.launch() as driver:
            profile = profile_for(server.port, "/ok", duration_s=0.2)
            await driver.prepare(profile, tmp_path / "rows")
            origin = time.monotonic_ns()
            await driver.start(origin + 250 * MS, origin)
            done = await driver.wait_done(DEADLINE_S)
            assert done.answered == 10
            assert read_rows(tmp_path / "rows")["intended"].min() == 260 * MS

    asyncio.run(scene())


def test_keys_are_the_numbers_of_the_arrivals(tmp_path: Path) -> None:
    async def scene() -> None:
        async with fault_server() as server:
            line = RequestLine.from_dict({"method": "POST", "path": "/ok", "json": {"name": "{key}"}})
            profile = profile_for(server.port, duration_s=0.4, requests=(line,), key_prefix="t1")
            _, rows = await run_load(profile, tmp_path / "rows")
            keys = samples.acknowledged_keys(rows, (line.stores,), "t1")
            assert sorted(keys) == sorted(f"t1-{k}" for k in range(20))
            assert sorted(server.bodies) == sorted(f'{{"name": "{key}"}}'.encode() for key in keys)

    asyncio.run(scene())


def test_a_killed_driver_is_an_error_and_its_rows_are_whole(tmp_path: Path) -> None:
    async def scene() -> None:
        async with fault_server() as server, await LoadDriver.launch() as driver:
            await driver.prepare(profile_for(server.port, "/ok", duration_s=60, rate_rps=100), tmp_path / "rows")
            await driver.start(time.monotonic_ns())
            await anext(driver.sums())
            os.kill(driver.pid, signal.SIGKILL)
            with pytest.raises(LoadDied, match="signal 9"):
                await driver.wait_done(DEADLINE_S)
            with pytest.raises(LoadDied):
                async for _ in driver.sums():
                    pass
            with pytest.raises(LoadDied):
                await driver.start(time.monotonic_ns())
            rows = read_rows(tmp_path / "rows")
            assert len(rows) >= 20
            assert outcomes(rows) == {Outcome.OK}

    asyncio.run(scene())


def test_a_driver_that_falls_silent_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harness.load.client._SILENCE_S", 2.0)

    async def scene() -> None:
        async with fault_server() as server, await LoadDriver.launch() as driver:
            await driver.prepare(profile_for(server.port, "/ok", duration_s=60), tmp_path / "rows")
            await driver.start(time.monotonic_ns())
            await anext(driver.sums())
            os.kill(driver.pid, signal.SIGSTOP)
            with pytest.raises(LoadDied, match="said nothing"):
                async for _ in driver.sums():
                    pass

    asyncio.run(scene())


@through_a_master
def test_a_driver_whose_parent_died_stops_and_leaves_a_balance(tmp_path: Path) -> None:
    async def scene() -> None:
        children: list[Child] = []

        async def spawn(argv: Any) -> Child:
            children.append(await spawn_child(argv))
            return children[0]

        async with fault_server() as server, await LoadDriver.launch(spawn) as driver:
            ready = await driver.prepare(profile_for(server.port, "/ok", duration_s=60), tmp_path / "rows")
            await driver.start(time.monotonic_ns())
            await anext(driver.sums())
            assert children[0].stdin
            children[0].stdin.close()
            async with asyncio.timeout(20):
                assert await children[0].wait() == 0
            done = await driver.wait_done(DEADLINE_S)
            assert done.reason == "parent died"
            check_balance(read_rows(tmp_path / "rows"), done, ready.arrivals)

    asyncio.run(scene())


@pytest.mark.parametrize("folder", ["missing/rows", "/proc/rows"])
def test_rows_that_cannot_be_written_are_told(tmp_path: Path, folder: str) -> None:
    async def scene() -> None:
        async with await LoadDriver.launch() as driver:
            with pytest.raises(LoadDied, match="No such file"):
                await driver.prepare(profile_for(1, "/ok"), tmp_path / folder)

    asyncio.run(scene())


@through_a_master
def test_a_full_disk_ends_the_load_with_its_reason() -> None:
    async def scene() -> None:
        async with fault_server() as server, await LoadDriver.launch() as driver:
            await driver.prepare(profile_for(server.port, "/ok", duration_s=60), "/dev/full")
            await driver.start(time.monotonic_ns())
            with pytest.raises(LoadDied, match="No space left"):
                await driver.wait_done(DEADLINE_S)

    asyncio.run(scene())


RETRYING = """
import asyncio
from harness.load.engine.engine import Engine
from harness.load.engine.self_test import SelfTestFailed, self_test
from harness.model.rows import Outcome

asyncio.run(self_test())
honest = Engine.finished

def finished(self, connection, code):
    honest(self, connection, Outcome.OK if code == Outcome.RESET_REUSED else code)

Engine.finished = finished
try:
    asyncio.run(self_test())
except SelfTestFailed as error:
    print(error)
else:
    raise SystemExit("a hidden reset was not noticed")
"""


def run_python(code: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-P", "-c", code], env=driver_environment(), capture_output=True, text=True, timeout=90
    )


def test_the_self_test_catches_a_client_that_hides_resets() -> None:
    result = run_python(RETRYING)
    assert result.returncode == 0, result.stderr
    assert "Seen: ok, ok, ok" in result.stdout


def test_the_harness_side_never_imports_locust() -> None:
    code = """
import sys
import harness.load.client, harness.model.samples, harness.load.schedule
raise SystemExit(any(name in sys.modules for name in ("locust", "gevent", "geventhttpclient")))
"""
    assert run_python(code).returncode == 0
