"""A load on the real driver that a test names, and what holds of every load, however it ends."""

import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from harness.load.client import ENGINE_DRIVER, MASTER_DRIVER, LoadDriver
from harness.load.messages import Done
from harness.load.profile import Profile, Segment
from harness.load.rows_file import read_rows
from harness.model.request import RequestLine
from harness.model.rows import Ledger, Outcome, Rows, ledger

MS = 1_000_000
DEADLINE_S = 60.0
NO_LOCUST = -1
# What master and worker could do differently from the engine below them, which is seen alone as well; all else is seen
# with the engine. The fixture `driver` starts it.
through_a_master = pytest.mark.parametrize(
    "driver", [ENGINE_DRIVER, MASTER_DRIVER], ids=["engine", "master"], indirect=True
)


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
