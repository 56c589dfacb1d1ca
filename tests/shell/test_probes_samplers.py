"""What is sampled beside the probes: machine, processes, paths, database, log."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import pytest
from probe_rig import Seen, Served, running, serve, watch_of, watch_port

from harness.deployment import Address
from harness.model.observation import (
    DatabaseSampled,
    LogNoted,
    MachineSampled,
    Noted,
    PathSampled,
    ProbeAnswered,
    ProcessSampled,
    WorkersSeen,
)
from harness.model.target import ProbeSpec
from harness.parts.postgres_reserved import Sessions
from harness.probes.database import DatabaseProbe
from harness.probes.logs import NOTED_PER_S, LogProbe, Tail
from harness.probes.machine import CpuTimes, MachineProbe
from harness.probes.orchestrator import OrchestratorProbe
from harness.probes.paths import PathSpec, PathsProbe
from harness.probes.processes import ProcessesProbe
from harness.system.ports import Ports

pytestmark = pytest.mark.real


@contextlib.asynccontextmanager
async def control_server() -> AsyncIterator[Address]:
    writers: list[asyncio.StreamWriter] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        with contextlib.suppress(asyncio.IncompleteReadError, OSError):
            while True:
                await reader.readuntil(b"\r\n\r\n")
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        yield Address("127.0.0.1", server.sockets[0].getsockname()[1])
    for writer in writers:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


def test_a_blocked_loop_is_seen_as_lag() -> None:
    async def scenario() -> None:
        seen = watch_port(Ports().take())
        async with control_server() as control, running(MachineProbe(seen.watch, control, os.getpid())):
            await seen.until(lambda: len(seen.of(MachineSampled)) >= 2, 20, "two samples")
            began_ns = seen.watch.clock.now_ns()
            time.sleep(0.2)  # noqa: ASYNC251 - the loop is blocked on purpose
            await seen.until(lambda: len(seen.of(MachineSampled)) >= 5, 20, "five samples")
        hit = [one for one in seen.of(MachineSampled) if one.sent_ns <= began_ns < one.done_ns]
        assert max(one.loop_lag_ms for one in hit) >= 150
        samples = seen.of(MachineSampled)
        assert all(0 < one.control_ms < 1000 for one in samples)
        assert all(one.sent_ns == before.done_ns for before, one in pairwise(samples))
        assert all(0 <= one.steal_share <= 1 and 0 <= one.cpu_pressure_share <= 1 for one in samples)
        assert samples[-1].harness_cpu_s > 0

    asyncio.run(scenario())


def test_a_control_that_does_not_answer_is_minus_one_and_comes_back() -> None:
    async def scenario() -> None:
        seen = watch_port(Ports().take())
        async with running(MachineProbe(seen.watch, Address("127.0.0.1", Ports().take()), os.getpid())):
            await seen.until(lambda: bool(seen.of(MachineSampled)), 20, "a sample")
        assert {one.control_ms for one in seen.of(MachineSampled)} == {-1.0}

    asyncio.run(scenario())


def test_shares_are_differences_of_counters() -> None:
    before, after = CpuTimes(1000, 400, 10, 500_000, 3.0, 1.0), CpuTimes(1100, 470, 30, 750_000, 3.2, 2.0)
    assert after.steal_share(before) == pytest.approx(0.2)
    assert after.pressure_share(before) == pytest.approx(0.25)
    assert replace(after, waited_us=-1).pressure_share(before) == 0.0
    assert after.foreign_share(before) == pytest.approx(0.5)  # 70 ticks were busy, 20 of them ours
    assert replace(after, own_s=-1.0).foreign_share(before) == -1.0
    assert before.busy_share(before) == before.waited_cpus(before) == -1.0
    assert after.busy_share(before) == pytest.approx(0.9)
    waits = [replace(before, own_waited_s={1: 5.0, 2: 1.0}), replace(after, own_waited_s={1: 5.25, 3: 9.0})]
    assert waits[1].waited_cpus(waits[0]) == pytest.approx(0.25)  # of those that were there all the time
    assert CpuTimes.read(os.getpid()).total > 0
    assert CpuTimes.read(2**22 + 1).own_s == -1.0


def test_processes_are_seen_and_sampled_and_a_killed_worker_is_missed(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with serve(tmp_path, 2) as served:
            seen, workers = watch_of(served), served.workers()
            async with running(ProcessesProbe(seen.watch)):
                await seen.until(lambda: len(seen.of(ProcessSampled)) >= 6, 20, "two samples of each process")
                with socket.create_connection((served.address.host, served.address.port)):
                    await seen.until(lambda: any(one.clients == 1 for one in seen.of(ProcessSampled)), 20, "a client")
                served.signal(workers[0], signal.SIGSTOP)
                await seen.until(lambda: seen.of(ProcessSampled)[-2].state == "T", 20, "the frozen worker's state")
                served.signal(workers[0], signal.SIGKILL)
                await seen.until(lambda: workers[0] not in seen.of(WorkersSeen)[-1].pids, 20, "the worker's absence")
            assert seen.of(WorkersSeen)[0].master == served.master()
        assert seen.of(WorkersSeen)[0].pids == tuple(workers)
        first = seen.of(ProcessSampled)[:3]
        assert [one.role for one in first] == ["master", "worker", "worker"]
        assert all(one.rss_bytes > 1_000_000 and one.fds > 3 and one.cpu_s > 0 for one in first)
        assert all(one.clients == 0 for one in first)

    asyncio.run(scenario())


def test_paths_tell_connections_through_the_proxy_from_those_around_it(tmp_path: Path) -> None:
    async def scenario() -> None:
        asked = 0

        async def requests() -> int:
            nonlocal asked
            asked += 1
            return asked

        async def broken() -> int:
            raise OSError("the stub is gone")

        with contextlib.ExitStack() as sockets:
            proxy, real = (sockets.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(2))
            for port in [proxy.getsockname()[1]] * 3 + [real.getsockname()[1]]:
                sockets.enter_context(socket.create_connection(("127.0.0.1", port)))
            served = OurOwn(Address("127.0.0.1", 1), None, tmp_path / "log")
            seen = watch_of(served)
            ports = (proxy.getsockname()[1], real.getsockname()[1])
            unused = Ports().take()
            paths = [
                PathSpec("postgres", *ports),
                PathSpec("pricing", unused, unused, requests),
                PathSpec("broken", unused, unused, broken),
            ]
            async with running(PathsProbe(seen.watch, paths)):
                await seen.until(lambda: len(seen.of(PathSampled)) >= 4, 20, "two samples of each part")
        got = [(one.part, one.via_proxy, one.direct) for one in seen.of(PathSampled)][:4]
        assert got == [("postgres", 3, 1), ("pricing", 1, 0), ("postgres", 3, 1), ("pricing", 2, 0)]
        assert [note.what for note in seen.of(Noted)] == ["path-unseen"]

    asyncio.run(scenario())


class OurOwn(Served):
    """A deployment whose only process is this one, so that its sockets can be made by the test."""

    def master(self) -> int:
        return os.getpid()


@dataclass
class Reserved:
    """Answers with counts, then fails for good."""

    left: int

    async def sample(self) -> Sessions:
        self.left -= 1
        if self.left < 0:
            raise ConnectionResetError("gone")
        return Sessions(4, 1, 0, 100, 0.5)


def test_database_samples_end_with_one_note(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harness.probes.database.PERIOD_S", 0.02)

    async def scenario() -> None:
        seen, reserved = watch_port(Ports().take()), Reserved(2)
        async with running(DatabaseProbe(seen.watch, "postgres", reserved)):
            await seen.until(lambda: reserved.left < -3, 20, "some failures")
        got = [(one.sessions, one.active, one.idle_in_transaction, one.max_connections) for one in sampled(seen)]
        assert got == [(4, 1, 0, 100)] * 2
        assert [note.what for note in seen.of(Noted)] == ["database-unseen"]

    asyncio.run(scenario())


def test_connections_that_the_database_turned_away_are_counted_from_its_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("harness.probes.database.PERIOD_S", 0.02)
    log = tmp_path / "postgres.log"
    log.write_text("FATAL:  sorry, too many clients already\n")  # of an earlier trial

    async def scenario() -> None:
        seen = watch_port(Ports().take())
        async with running(DatabaseProbe(seen.watch, "postgres", Reserved(10_000), kept=4, log=log)):
            await seen.until(lambda: len(sampled(seen)) > 0, 20, "a sample")
            with log.open("a") as file:
                file.write("FATAL:  remaining connection slots are reserved for roles with the SUPERUSER attribute\n")
                file.write("STATEMENT:  SELECT 'sorry, too many clients already'\n")
                file.write("FATAL:  sorry, too many clients already\n")
            await seen.until(lambda: sampled(seen)[-1].refused == 2, 20, "both of them")
        first = sampled(seen)[0]
        assert (first.refused, first.reserve, first.oldest_s) == (0, 4, 0.5)

    asyncio.run(scenario())


def test_who_ended_a_statement_is_read_from_the_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harness.probes.database.PERIOD_S", 0.02)
    log = tmp_path / "postgres.log"
    log.write_text("ERROR:  canceling statement due to user request\n")  # of an earlier trial

    async def scenario() -> None:
        seen = watch_port(Ports().take())
        async with running(DatabaseProbe(seen.watch, "postgres", Reserved(10_000), log=log)):
            await seen.until(lambda: len(sampled(seen)) > 0, 20, "a sample")
            with log.open("a") as file:
                file.write("ERROR:  canceling statement due to statement timeout\n" * 2)
                file.write("STATEMENT:  SELECT 'canceling statement due to user request'\n")
                file.write("ERROR:  canceling statement due to lock timeout\n")
                file.write("ERROR:  canceling statement due to user request\n")
            await seen.until(lambda: sampled(seen)[-1].cancelled == 1, 20, "all of them")
        first, last = sampled(seen)[0], sampled(seen)[-1]
        assert (first.timed_out, first.cancelled, last.timed_out) == (0, 0, 2)

    asyncio.run(scenario())


def sampled(seen: Seen) -> list[DatabaseSampled]:
    return seen.of(DatabaseSampled)


def test_known_lines_of_the_log_are_noted_as_they_come(tmp_path: Path) -> None:
    log = tmp_path / "server.log"

    def note(line: str) -> tuple[str, int] | None:
        return ("worker-timeout", 12) if "WORKER TIMEOUT" in line else None

    async def scenario() -> None:
        seen = watch_port(Ports().take(), log)
        async with running(LogProbe(seen.watch, note)):
            with log.open("w", buffering=1) as file:
                file.write("boot\n[CRITICAL] WORKER TIMEOUT (pid:12)\n" + "x" * 400 + " WORKER TIMEOUT\n")
                await seen.until(lambda: len(seen.of(LogNoted)) == 2, 20, "the noted lines")
                first = seen.of(LogNoted)[0]
                assert (first.what, first.text) == ("worker-timeout", "[CRITICAL] WORKER TIMEOUT (pid:12)")
                file.write("WORKER TIMEOUT\n" * 3 * NOTED_PER_S)
        assert all(len(one.text) <= 300 for one in seen.of(LogNoted))
        assert len(seen.of(LogNoted)) <= 2 * NOTED_PER_S + 2
        assert [one.what for one in seen.of(Noted)] == ["log-lines-left-out"]

    asyncio.run(scenario())


def test_a_line_is_read_when_it_is_whole_and_a_log_that_was_begun_anew_from_its_beginning(tmp_path: Path) -> None:
    log = tmp_path / "server.log"
    tail = Tail(log)
    assert tail.lines() == []
    log.write_text("one\ntw")
    assert tail.lines() == ["one"]
    log.write_text("one\ntwo\n")
    assert tail.lines() == ["two"]
    log.write_text("3\n")
    assert tail.lines() == ["3"]


def test_an_orchestrator_probes_on_while_answers_are_missing() -> None:
    async def scenario() -> None:
        with socket.create_server(("127.0.0.1", 0)) as silent:
            spec = ProbeSpec(period_s=0.1, timeout_s=0.3)
            seen = watch_port(silent.getsockname()[1], ready_probe=spec)
            began_ns = seen.watch.clock.now_ns()
            async with running(OrchestratorProbe(seen.watch, "ready")):
                await seen.until(lambda: len(seen.of(ProbeAnswered)) >= 5, 20, "five probes")
                took_s = (seen.watch.clock.now_ns() - began_ns) / 1e9
        probes = seen.of(ProbeAnswered)
        assert {(one.probe, one.via, one.outcome, one.pid) for one in probes} == {("ready", "fresh", "timeout", -1)}
        assert took_s < 4.5  # one after the other would take five times 1.05 s
        assert all(0.9 < one.took_s < 3 for one in probes[:5])
        assert all(one.took_s >= 0.3 for one in probes)

    asyncio.run(scenario())
