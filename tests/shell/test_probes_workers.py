"""Probes of single workers, on real servers: pinned, frozen, killed, blocked, and where pinning cannot work."""

from __future__ import annotations

import asyncio
import signal
from itertools import pairwise
from pathlib import Path

import pytest
from probe_rig import Seen, running, serve, watch_of

from harness.model.observation import Noted, PinEnded, ProbeAnswered, WorkerPinned
from harness.probes.orchestrator import OrchestratorProbe
from harness.probes.owners import answer_by_each_worker
from harness.probes.stack import take_stack
from harness.probes.workers import PinnedProbes
from harness.system.clock import Clock

pytestmark = pytest.mark.real


def pinned(seen: Seen, probe: str, pid: int) -> list[ProbeAnswered]:
    mine = [one for one in seen.of(ProbeAnswered) if one.via == "pinned"]
    return [one for one in mine if one.probe == probe and one.pid == pid]


async def until_pinned(seen: Seen, pids: list[int], within_s: float = 40) -> None:
    await seen.until(
        lambda: all(pinned(seen, "live", pid) and pinned(seen, "ready", pid) for pid in pids),
        within_s,
        f"a liveness and a readiness answer over a pinned connection of each of {pids}",
    )


@pytest.mark.parametrize("server", ["gunicorn", "uvicorn"])
def test_each_worker_gets_one_connection_for_liveness_and_one_for_readiness(tmp_path: Path, server: str) -> None:
    async def scenario() -> None:
        async with serve(tmp_path, 2, server=server) as served:
            seen, pids = watch_of(served), served.workers()
            async with running(PinnedProbes(seen.watch)):
                await until_pinned(seen, pids)
                await seen.until(
                    lambda: all(len(pinned(seen, "live", pid)) >= 6 for pid in pids), 20, "six answers of each worker"
                )
        assert len(pids) == 2
        for pid in pids:
            live, ready = pinned(seen, "live", pid), pinned(seen, "ready", pid)
            assert {(one.outcome, one.status) for one in live} == {("answered", 200)}
            assert {(one.outcome, one.status) for one in ready} == {("answered", 503)}
            gaps_s = [(later.sent_ns - one.sent_ns) / 1e9 for one, later in pairwise(live[1:])]
            assert sum(gaps_s) / len(gaps_s) == pytest.approx(0.5, abs=0.1)
            assert sum(one.pid == pid for one in seen.of(WorkerPinned)) == 2
        assert not seen.of(PinEnded)

    asyncio.run(scenario())


def test_a_frozen_worker_is_stuck_once_and_its_probe_waits_while_fresh_ones_are_answered(tmp_path: Path) -> None:
    async def scenario() -> None:
        stuck: list[int] = []
        async with serve(tmp_path, 2) as served:
            seen, (first, second) = watch_of(served), served.workers()
            probes = PinnedProbes(seen.watch, on_stuck=stuck.append)
            async with running(probes, OrchestratorProbe(seen.watch, "live")):
                await until_pinned(seen, [first, second])
                served.signal(first, signal.SIGSTOP)
                frozen_ns = seen.watch.clock.now_ns()
                await seen.until(lambda: bool(stuck), 20, "the call for a stuck worker")
                stack = await take_stack(seen.watch.clock, first)
                await seen.until(lambda: seen.watch.clock.now_ns() > frozen_ns + 3e9, 20, "three seconds of silence")
                served.signal(first, signal.SIGCONT)
                await seen.until(lambda: pinned(seen, "live", first)[-1].sent_ns > frozen_ns + 2e9, 20, "its return")
                await seen.until(lambda: pinned(seen, "live", first)[-1].good, 20, "a good answer after it")
        assert stuck == [first]
        assert stack.ok, stack.text
        slowest = max(pinned(seen, "live", first), key=lambda one: one.took_s)
        # the keep-alive time ran out while it was frozen, so it may end the connection before it answers
        assert slowest.outcome in ("answered", "eof", "reset")
        assert 2.0 < slowest.took_s < 10
        assert max(one.took_s for one in pinned(seen, "live", second)) < 2
        fresh = [one for one in seen.of(ProbeAnswered) if one.via == "fresh" and one.sent_ns > frozen_ns]
        assert len(fresh) > 10
        assert all(one.good for one in fresh)

    asyncio.run(scenario())


def test_a_silence_that_outlasts_the_watching_is_recorded_with_its_length(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with serve(tmp_path, 2) as served:
            seen, (first, second) = watch_of(served), served.workers()
            stuck: list[int] = []
            async with running(PinnedProbes(seen.watch, on_stuck=stuck.append)):
                await until_pinned(seen, [first, second])
                served.signal(first, signal.SIGSTOP)
                await seen.until(lambda: bool(stuck), 20, "the call for a stuck worker")
                await seen.until(lambda: len(pinned(seen, "live", second)) > 5, 20, "answers of the other worker")
        last = pinned(seen, "live", first)[-1]
        assert last.outcome == "timeout"
        assert last.took_s > 1
        assert {one.outcome for one in pinned(seen, "live", second)} == {"answered"}

    asyncio.run(scenario())


def test_a_killed_worker_ends_its_pins_and_its_successor_is_pinned(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with serve(tmp_path, 2) as served:
            seen, (first, second) = watch_of(served), served.workers()
            async with running(PinnedProbes(seen.watch)):
                await until_pinned(seen, [first, second])
                served.signal(first, signal.SIGKILL)
                await seen.until(lambda: len(seen.of(PinEnded)) >= 2, 20, "the end of both connections")
                await seen.until(
                    lambda: len(served.workers()) == 2 and first not in served.workers(), 20, "a new worker"
                )
                new = next(pid for pid in served.workers() if pid != second)
                await until_pinned(seen, [new])
        assert {one.pid for one in seen.of(PinEnded)} == {first}

    asyncio.run(scenario())


def test_a_blocked_worker_is_named_by_its_stack(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with serve(tmp_path, 2) as served:
            seen, pids = watch_of(served), served.workers()
            stuck: list[int] = []
            async with running(PinnedProbes(seen.watch, on_stuck=stuck.append)):
                await until_pinned(seen, pids)
                host, port = served.address.host, served.address.port
                _, writer = await asyncio.open_connection(host, port)
                writer.write(b"GET /block?30 HTTP/1.1\r\nHost: here\r\n\r\n")
                await seen.until(lambda: bool(stuck), 20, "the call for a stuck worker")
                stack = await take_stack(seen.watch.clock, stuck[0])
                writer.close()
                await writer.wait_closed()
        assert stack.ok, stack.text
        assert "hold_the_loop" in stack.text
        assert len(stack.text) <= 6000
        assert (stack.done_ns - stack.sent_ns) / 1e9 < 10

    asyncio.run(scenario())


def test_a_server_that_ends_each_connection_cannot_be_pinned_and_says_so_once(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with serve(tmp_path, 2) as served:
            seen = watch_of(served, live="/health?-1")
            async with running(PinnedProbes(seen.watch)):
                await seen.until(lambda: bool(seen.of(Noted)), 20, "the note")
        (note,) = seen.of(Noted)
        assert note.what == "cannot-pin"
        assert "ends the connection" in note.text
        assert not seen.of(WorkerPinned)

    asyncio.run(scenario())


def test_boot_is_over_only_when_every_worker_answered(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with serve(tmp_path, 2) as served:
            first, second = served.workers()
            assert await answer_by_each_worker(served, "/health", 2, 20) == {first, second}
            assert await answer_by_each_worker(served, "/ready", 2, 0.3) == set()
            served.signal(first, signal.SIGSTOP)
            assert await answer_by_each_worker(served, "/health", 2, 2.0) == {second}

    asyncio.run(scenario())


def test_the_stack_of_nobody_is_a_reason_not_an_error() -> None:
    async def scenario() -> None:
        async with asyncio.timeout(20):
            stack = await take_stack(Clock.start(), 2**22 + 1)
        assert not stack.ok
        assert stack.text == "The process has ended."

    asyncio.run(scenario())
