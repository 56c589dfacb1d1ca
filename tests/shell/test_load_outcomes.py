"""What becomes of each request, as each load driver tells it of a server that breaks in known ways."""

import asyncio
import contextlib
import socket
from pathlib import Path

import numpy as np
import pytest
from driver_rig import MS, NO_LOCUST, lines_for, outcomes, profile_for, run_load, through_a_master
from load_fault_server import ANSWERS, fault_server

from harness.load.client import LoadDriver
from harness.load.schedule import Schedule
from harness.model import samples
from harness.model.request import RequestLine
from harness.model.rows import Flag, Outcome, Rows, nearest_rank

pytestmark = [pytest.mark.real, pytest.mark.usefixtures("driver")]


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
            assert len(rows) == 50

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
