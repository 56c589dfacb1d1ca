"""The life of each load driver as a real process: how it is told to end, how it dies, and what is left of it then."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from driver_rig import DEADLINE_S, MS, check_balance, outcomes, profile_for, run_load, through_a_master
from load_fault_server import fault_server

from harness.load.client import Child, LoadDied, LoadDriver, driver_environment, spawn_child
from harness.load.messages import Done
from harness.load.profile import Profile
from harness.load.rows_file import read_rows
from harness.model import samples
from harness.model.request import RequestLine
from harness.model.rows import Outcome, Rows

pytestmark = [pytest.mark.real, pytest.mark.usefixtures("driver")]


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
            unfinished = (rows["code"] == Outcome.UNFINISHED).sum()
            assert unfinished == done.unfinished == server.seen["/mute"] >= 5
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
            keys = [f"t1-{k}" for k in samples.acknowledged(rows, (line.stores,))["k"]]
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
