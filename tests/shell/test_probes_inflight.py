"""Requests that a real server has in hand when SIGTERM comes."""

from __future__ import annotations

import asyncio
import signal
from itertools import count
from pathlib import Path

import pytest
from probe_rig import GET, POST, Seen, serve, watch_of, watch_port

from harness.model.observation import InFlightEnded, Noted
from harness.model.target import RequestLine
from harness.probes.http import get_once
from harness.probes.inflight import FIRST_KEY, open_in_flight, usable_lines
from harness.system.ports import Ports

pytestmark = pytest.mark.real

PLAIN = RequestLine(name="plain", path="/health")


async def until_refused(seen: Seen) -> None:
    address, clock = seen.watch.deployment.address, seen.watch.clock
    async with asyncio.timeout(20):
        while (await get_once(address, "/health", clock, 1)).outcome != "refused":
            await asyncio.sleep(0.02)


def test_half_sent_posts_are_accepted_and_answered_after_sigterm(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with serve(tmp_path, 2) as served:
            seen, pids = watch_of(served), served.workers()
            flight = await open_in_flight(seen.watch, [POST, GET], 6, count(FIRST_KEY))
            assert flight.accepted == 6
            assert not seen.of(InFlightEnded)
            served.signal(served.master(), signal.SIGTERM)
            signalled_ns = seen.watch.clock.now_ns()
            await until_refused(seen)
            await flight.finish()
            ended = seen.of(InFlightEnded)
            assert {(one.request, one.outcome, one.status) for one in ended} == {("create", "answered", 201)}
            assert [one.key for one in ended] == list(range(FIRST_KEY, FIRST_KEY + 6))
            assert {one.pid for one in ended} <= set(pids)
            assert all(0 <= one.accepted_ns < signalled_ns for one in ended)
            assert all(one.done_ns > signalled_ns for one in ended)

    asyncio.run(scenario())


def test_a_server_that_is_killed_cuts_what_it_had_in_hand(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with serve(tmp_path, 1) as served:
            seen = watch_of(served)
            flight = await open_in_flight(seen.watch, [POST], 3, count(FIRST_KEY))
            served.signal(served.workers()[0], signal.SIGKILL)
            await flight.finish(20)
            assert {one.outcome for one in seen.of(InFlightEnded)} <= {"eof", "reset"}
            assert len(seen.of(InFlightEnded)) == 3

    asyncio.run(scenario())


def test_without_a_body_whole_requests_that_wait_are_used(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with serve(tmp_path, 2) as served:
            seen = watch_of(served)
            flight = await open_in_flight(seen.watch, [PLAIN, GET], 2, count(FIRST_KEY), slowed="postgres")
            assert flight.accepted == 2
            served.signal(served.master(), signal.SIGTERM)
            await flight.finish(20)
            ended = seen.of(InFlightEnded)
            assert {(one.request, one.outcome, one.status, one.key) for one in ended} == {("slow", "answered", 200, -1)}

    asyncio.run(scenario())


def test_an_answer_that_does_not_come_in_time_is_a_timeout(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with serve(tmp_path, 1) as served:
            seen = watch_of(served)
            flight = await open_in_flight(seen.watch, [GET], 1, count(FIRST_KEY))
            await flight.finish(0.1)
            (ended,) = seen.of(InFlightEnded)
            assert (ended.outcome, ended.status) == ("timeout", -1)

    asyncio.run(scenario())


def test_nothing_that_can_be_held_open_is_noted() -> None:
    async def scenario() -> None:
        seen = watch_port(Ports().take())
        flight = await open_in_flight(seen.watch, [PLAIN], 4, count(FIRST_KEY))
        await flight.finish()
        assert flight.accepted == 0
        assert [note.what for note in seen.of(Noted)] == ["no-in-flight"]
        assert not seen.of(InFlightEnded)

    asyncio.run(scenario())


def test_a_refused_connection_was_never_accepted() -> None:
    async def scenario() -> None:
        seen = watch_port(Ports().take())
        flight = await open_in_flight(seen.watch, [POST], 2, count(FIRST_KEY))
        await flight.finish()
        assert [(one.outcome, one.accepted_ns) for one in seen.of(InFlightEnded)] == [("refused", -1)] * 2

    asyncio.run(scenario())


def test_which_lines_can_be_held_open() -> None:
    assert usable_lines([PLAIN, POST, GET], None) == [POST]
    assert usable_lines([PLAIN, POST, GET], "postgres") == [POST, GET]
    assert usable_lines([PLAIN, GET], None) == [GET]
    assert usable_lines([PLAIN, GET], "pricing") == []
