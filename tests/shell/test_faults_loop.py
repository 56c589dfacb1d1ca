"""A blocked event loop: one thread of a process stands, the others go on, and nothing keeps it standing for ever."""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import pytest
from beat_rig import LOOP, beating, hold
from fault_rig import applied
from parts_rig import bench, until
from probe_rig import Served, serve

from harness.faults.block_loop import BlockLoop
from harness.system.borrowed import why_not_borrow
from harness.system.held_threads import HeldThreads, why_not_trace
from harness.system.proc import is_same, read_stat, thread_states
from harness.system.process import Spawner

pytestmark = pytest.mark.real

PARENT = Path(__file__).with_name("hold_parent.py")
ROOT = PARENT.parents[2]

IN_A_THREAD = LOOP.replace("asyncio.run(main())", "threading.Thread(target=asyncio.run, args=[main()]).start()")


def run(test: Coroutine[Any, Any, None]) -> None:
    asyncio.run(test)


def test_this_machine_lets_a_thread_be_stopped_and_a_socket_be_borrowed() -> None:
    assert (why_not_trace(), why_not_borrow()) == ("", "")


@pytest.mark.parametrize("program", [LOOP, IN_A_THREAD], ids=["in the main thread", "in another"])
def test_the_loop_stands_while_another_thread_goes_on_and_goes_on_when_it_is_released(program: str) -> None:
    async def see() -> None:
        async with bench() as here, beating(here, program) as beat:
            await beat.goes_on("loop", "thread")
            held = await hold(here.spawner, beat.process)
            assert (held.tids == (beat.process.pid,)) == (program == LOOP)
            stood_at = beat.count("loop")
            assert thread_states(beat.process.pid)[held.tids[0]] == "t"
            await beat.goes_on("thread")
            assert [state for state in thread_states(beat.process.pid).values() if state in "tT"] == ["t"]
            assert beat.count("loop") == stood_at
            assert await held.release()
            await beat.goes_on("loop", "thread")
            assert not await held.release()
            assert "t" not in thread_states(beat.process.pid).values()

    run(see())


def test_the_loop_goes_on_when_its_lease_is_over() -> None:
    async def see() -> None:
        async with bench() as here, beating(here) as beat:
            await beat.goes_on("loop")
            held = await hold(here.spawner, beat.process, lease_s=0.5)
            await until(lambda: not held.holds, 20, "the end of the lease")
            await beat.goes_on("loop")
            assert not await held.release()

    run(see())


@pytest.mark.parametrize("victim", ["harness", "helper"])
def test_the_loop_goes_on_when_whoever_holds_it_is_killed(tmp_path: Path, victim: str) -> None:
    async def see() -> None:
        async with bench() as here, beating(here) as beat:
            await beat.goes_on("loop")
            env = {**os.environ, "SHAKEDOWN_STATE": str(tmp_path), "PYTHONPATH": str(ROOT)}
            command = [sys.executable, str(PARENT), str(beat.process.pid)]
            parent = await asyncio.create_subprocess_exec(*command, env=env, stdout=subprocess.PIPE)
            try:
                assert parent.stdout is not None
                tid, helper = map(int, (await parent.stdout.readline()).split())
                assert thread_states(beat.process.pid)[tid] == "t"
                os.kill(parent.pid if victim == "harness" else helper, signal.SIGKILL)
                await beat.goes_on("loop")
            finally:
                with contextlib.suppress(ProcessLookupError):
                    parent.kill()
                await parent.wait()
            await until(lambda: (stat := read_stat(helper)) is None or not stat.alive, 20, "the helper is gone")

    run(see())


def test_a_process_that_dies_meanwhile_is_its_parents_to_reap_at_once() -> None:
    async def see() -> None:
        async with bench() as here, beating(here) as beat:
            await beat.goes_on("loop")
            held = await hold(here.spawner, beat.process)
            beat.process.signal(signal.SIGKILL)
            assert await beat.process.wait(10) == -signal.SIGKILL
            await until(lambda: not held.holds, 20, "the helper has seen it")
            await held.release()

    run(see())


def test_a_loop_that_never_waits_is_left_alone_with_a_reason() -> None:
    async def see() -> None:
        async with bench() as here, beating(here, "while True: pass") as beat:
            await until(lambda: (stat := beat.process.stat()) is not None and stat.cpu_s > 0.05, 20, "it is busy")
            began = time.monotonic()
            said = await HeldThreads.hold(here.spawner, "loop", beat.process.pid, lease_s=60, wait_s=0.3)
            assert said == "no thread was met in its wait for events"
            assert time.monotonic() - began < 8
            assert "t" not in thread_states(beat.process.pid).values()

    run(see())


def test_what_another_traces_is_left_to_it_with_a_reason() -> None:
    async def see() -> None:
        async with bench() as here, beating(here) as beat:
            await beat.goes_on("loop")
            held = await hold(here.spawner, beat.process)
            said = await HeldThreads.hold(here.spawner, "loop", beat.process.pid, lease_s=60)
            assert said == "Operation not permitted"
            assert thread_states(beat.process.pid)[held.tids[0]] == "t"
            assert await held.release()
            await beat.goes_on("loop")

    run(see())


def block(served: Served, spawner: Spawner) -> BlockLoop:
    return BlockLoop(served, spawner, "/health", 0, 60)


def test_a_workers_loop_stands_while_another_worker_answers_and_is_whole_after_the_lift(tmp_path: Path) -> None:
    async def see() -> None:
        async with serve(tmp_path, 2, "--timeout", "30") as served, bench() as here:
            first, second = served.workers()
            actor = block(served, here.spawner)
            async with applied(actor):
                assert thread_states(first)[first] == "t"
                proof = await actor.prove()  # its connection is used up: now there is none
                assert (proof.ok, proof.evidence["canary"], proof.evidence["other_worker"]) == (
                    False,
                    "eof",
                    "answered",
                )
            await until(lambda: "t" not in thread_states(first).values(), 20, "the thread goes on")
            again = block(served, here.spawner)
            await again.apply()
            assert (await again.prove()).ok
            start = read_stat(first)
            assert start is not None
            served.signal(first, signal.SIGKILL)
            await until(lambda: not is_same(first, start.start), 20, "its supervisor has reaped it")
            assert (await again.lift())["replaced"] is True
            assert second in served.workers()

    run(see())


def test_a_lift_may_come_first() -> None:
    async def see() -> None:
        async with bench() as here:
            actor = BlockLoop(None, here.spawner, "/", 0, 60)  # type: ignore[arg-type]
            assert await actor.lift() == {}
            assert not (await actor.prove()).ok

    run(see())
