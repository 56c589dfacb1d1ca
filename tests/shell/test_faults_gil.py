"""A held interpreter: the thread that holds its lock stands, and no other that needs the lock goes on."""

import asyncio
import time
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from beat_rig import LOOP, beating, hold
from parts_rig import bench, until
from probe_rig import Served, serve

from harness.faults.fault import Proof
from harness.faults.hold_gil import HoldGil
from harness.faults.pins import Pins
from harness.probes.http import get_once
from harness.system.clock import Clock
from harness.system.held_threads import HeldThreads
from harness.system.proc import is_same, read_stat, thread_states
from harness.system.process import Spawner
from harness.system.py_spy import NOBODY, lock_holder

pytestmark = pytest.mark.real

# Between two beats of the loop there is work, as in a server that has requests.
BUSY = LOOP.replace("await asyncio.sleep(0.01)", "sum(range(100_000)); await asyncio.sleep(0.005)")
IDLE = "import time; open('loop', 'w').write('begun'); time.sleep(60)"
# Busy, but without the lock: hashing gives it away for as long as it takes.
WITHOUT_THE_LOCK = """
import hashlib
open("loop", "w").write("begun")
while True:
    hashlib.pbkdf2_hmac("sha256", b"a", b"b", 2_000_000)
"""


def run(test: Coroutine[Any, Any, None]) -> None:
    asyncio.run(test)


def test_no_thread_goes_on_while_one_holds_the_lock_and_all_do_when_it_is_released() -> None:
    async def see() -> None:
        async with bench() as here, beating(here, BUSY) as beat:
            await beat.goes_on("loop", "thread")
            pid = beat.process.pid
            held = await hold(here.spawner, beat.process, "gil")
            assert [tid for tid, state in thread_states(pid).items() if state in "tT"] == list(held.tids)
            assert lock_holder(pid) == held.tids[0]
            stood_at = beat.count("loop"), beat.count("thread")
            end = time.monotonic() + 1.0  # a hundred beats of the other thread
            while time.monotonic() < end:
                assert (beat.count("loop"), beat.count("thread")) == stood_at
                await asyncio.sleep(0.05)
            assert await held.release()
            await beat.goes_on("loop", "thread")
            assert "t" not in thread_states(pid).values()

    run(see())


def test_all_go_on_when_the_lease_is_over() -> None:
    async def see() -> None:
        async with bench() as here, beating(here, BUSY) as beat:
            await beat.goes_on("loop")
            held = await hold(here.spawner, beat.process, "gil", lease_s=0.5)
            await until(lambda: not held.holds, 20, "the end of the lease")
            await beat.goes_on("loop", "thread")

    run(see())


@pytest.mark.parametrize("program", [IDLE, WITHOUT_THE_LOCK], ids=["idle", "without the lock"])
def test_a_thread_that_does_not_hold_it_is_left_alone_with_a_reason(program: str) -> None:
    async def see() -> None:
        async with bench() as here, beating(here, program) as beat:
            await until(lambda: beat.count("loop") > 0, 20, "it has begun")
            said = await HeldThreads.hold(here.spawner, "gil", beat.process.pid, lease_s=60, wait_s=0.5)
            assert said == "no thread was met that held the interpreter's lock"
            assert "t" not in thread_states(beat.process.pid).values()
            assert lock_holder(beat.process.pid) == NOBODY

    run(see())


@asynccontextmanager
async def asked(served: Served) -> AsyncIterator[None]:
    """Clients that keep every worker at work; what hangs with a worker is let go."""

    async def ask() -> None:
        while True:
            await get_once(served.address, "/health", Clock.start(), 2.0)

    clients = [asyncio.create_task(ask()) for _ in range(4)]
    try:
        yield
    finally:
        for client in clients:
            client.cancel()
        await asyncio.gather(*clients, return_exceptions=True)


def holder(served: Served, spawner: Spawner) -> HoldGil:
    return HoldGil(served, spawner, "/health", 0, 60)


def test_a_worker_that_cannot_run_python_is_silent_and_whole_after_the_lift(tmp_path: Path) -> None:
    async def see() -> None:
        async with serve(tmp_path, 2, "--timeout", "30") as served, bench() as here:
            first, second = served.workers()
            actor = holder(served, here.spawner)
            async with asked(served):
                await actor.apply()
                try:
                    proof = await actor.prove()
                finally:
                    lifted = await actor.lift()
                    assert await actor.lift() == {**lifted, "until_the_lift": False}
            assert proof.ok, proof
            assert proof.evidence["holds_the_lock"] is True
            assert (proof.evidence["canary"], proof.evidence["other_worker"]) == ("timeout", "answered")
            assert lifted == {"pid": first, "replaced": False, "until_the_lift": True}
            await until(lambda: "t" not in thread_states(first).values(), 20, "the thread goes on")
            assert served.workers() == [first, second]

    run(see())


def test_gunicorn_replaces_a_worker_that_cannot_run_python(tmp_path: Path) -> None:
    async def see() -> None:
        async with serve(tmp_path, 2, "--timeout", "2") as served, bench() as here:
            first, second = served.workers()
            start = read_stat(first)
            assert start is not None
            actor = holder(served, here.spawner)
            async with asked(served):
                await actor.apply()
                try:
                    await until(lambda: not is_same(first, start.start), 30, "it has been replaced")
                finally:
                    lifted = await actor.lift()
            assert lifted["replaced"] is True
            assert second in served.workers()

    run(see())


def test_what_stands_without_the_lock_is_no_proof(tmp_path: Path) -> None:
    """The fault's own second witness: a loop that was stopped in its wait holds nothing."""

    async def see() -> Proof:
        async with serve(tmp_path, 2, "--timeout", "30") as served, bench() as here:
            actor = holder(served, here.spawner)
            actor.worker = read_stat(served.workers()[0])
            assert actor.worker is not None
            actor.pins = await Pins.open(served, "/health", actor.worker.pid)
            actor.held = await HeldThreads.hold(here.spawner, "loop", actor.worker.pid, lease_s=60)
            try:
                return await actor.prove()
            finally:
                await actor.lift()

    proof = asyncio.run(see())
    assert (proof.ok, proof.evidence["canary"], proof.evidence["holds_the_lock"]) == (False, "timeout", False)
    assert "does not hold the interpreter's lock" in proof.why
