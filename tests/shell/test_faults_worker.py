"""Each fault of one worker bites that worker alone, as much as it says, and leaves nothing behind."""

import asyncio
import resource
import sys
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from fault_rig import Scene, applied
from parts_rig import until
from probe_rig import HERE, Served

from harness.deployment import Address
from harness.errors import MachineError
from harness.faults import spec_of, unable
from harness.faults.fault import Actor, Link
from harness.faults.pins import Pins
from harness.faults.worker_pool import FillPool
from harness.ledger import open_entries
from harness.model.request import RequestLine
from harness.model.scenario import FaultUse
from harness.model.target import Scalar
from harness.probes.http import Answer
from harness.probes.owners import answer_by_each_worker
from harness.system.cpu_group import why_not_quota
from harness.system.ports import Ports
from harness.system.proc import Stat, read_stat, thread_states
from harness.system.process import clean_env

pytestmark = pytest.mark.real


@pytest.fixture(scope="module")
def served(faults: Scene, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Two workers under Gunicorn, once for all tests of this file; their part is behind the proxy of `rates`."""
    folder, port = tmp_path_factory.mktemp("worker"), Ports().take()
    env = clean_env(PYTHONPATH=str(HERE), PART_PORT=str(faults.link("rates").proxy.listen.port))
    words = ["-m", "gunicorn", "worker_app:app", "-k", "uvicorn_worker.UvicornWorker", "-w", "2", "--keep-alive", "60"]
    words += ["--no-control-socket", "-b", f"127.0.0.1:{port}"]
    log = folder / "log"
    process = faults.stage.spawner.spawn([sys.executable, *words], name="server", env=env, cwd=folder, log=log)
    here = Served(Address("127.0.0.1", port), process, Path(log))

    async def up() -> None:
        assert len(await answer_by_each_worker(here, "/part", 2, 30)) == 2, log.read_text()

    try:
        faults.run(up())
        yield here
    finally:
        faults.run(_end(here))


async def _end(served: Served) -> None:
    assert served.process is not None
    await served.process.end(grace_s=5)


def actor(faults: Scene, served: Served, id: str, path: str = "/part", **parameters: Scalar) -> Actor:
    given: dict[str, Scalar] = {"index": 0, **parameters}
    ingress = Link("ingress", "ingress", faults.link("rates").proxy, "/health")
    stage = replace(
        faults.stage,
        deployment=served,
        links={**faults.stage.links, "ingress": ingress},
        lines=(RequestLine("asked", path=path, needs=("rates",)),),
    )
    if id == "worker.pool":
        given["part"] = "rates"
    use = FaultUse(id, for_s=30, parameters=given)
    return spec_of(use).build(use, stage)


def asked(path: str) -> bytes:
    return f"GET {path} HTTP/1.1\r\nHost: a\r\n\r\n".encode()


@asynccontextmanager
async def pinned(served: Served) -> AsyncIterator[Pins]:
    for _ in range(5):
        pins = await Pins.open(served, "/part", served.workers()[0])
        if len(pins.connections) == 2:
            break
        pins.close()
    try:
        assert len(pins.connections) == 2
        yield pins
    finally:
        pins.close()


async def until_it_hangs(pins: Pins, path: str) -> asyncio.Task[Answer | None]:
    """Asked again until an answer is not there after 1.5 s: what was free before is not used up at once."""
    for _ in range(20):
        asking = asyncio.create_task(pins.ask_one(pins.hurt, 60, asked(path)))
        done, _ = await asyncio.wait({asking}, timeout=1.5)
        if not done:
            return asking
        assert asking.result() is not None
        await asyncio.sleep(0.1)
    raise AssertionError(f"{path} was answered each time")


async def is_late_only(asking: asyncio.Task[Answer | None]) -> bool:
    answer = await asking
    return answer is not None and answer.good


def test_a_worker_without_cpu_stands_for_its_share_and_runs_again_after_it(faults: Scene, served: Served) -> None:
    async def see() -> None:
        first, second = served.workers()
        async with pinned(served) as pins:
            async with applied(actor(faults, served, "worker.cpu", stopped_percent=80, period_ms=200)):
                assert await pins.ask(5) == ("answered", "answered")
                assert await stands_for_about(first, 0.8)
                other = read_stat(second)
                assert other is not None
                assert other.state != "T"
            await until(lambda: (stat := read_stat(first)) is not None and stat.state != "T", 20, "it runs again")

    faults.run(see())


async def stands_for_about(pid: int, share: float) -> bool:
    """Of the time, in one second of ten at least: on a busy machine our own turns come late, some of them much."""
    for _ in range(10):
        stood_s, began = 0.0, time.monotonic()
        last = began
        while (now := time.monotonic()) - began < 1.0:
            stat = read_stat(pid)
            stood_s += now - last if stat is not None and stat.state == "T" else 0.0
            last = now
            await asyncio.sleep(0.002)
        if share - 0.2 < stood_s / (last - began) < share + 0.15:
            return True
    return False


async def answers_and_cpu(pins: Pins, pid: int, for_s: float = 1.0) -> tuple[int, float]:
    """How many answers came to one who asks without a pause, and the worker's share of a CPU meanwhile."""
    began, cpu_s, count = time.monotonic(), cpu_of(pid), 0
    while time.monotonic() - began < for_s:
        answer = await pins.ask_one(pid, 20, asked("/"))
        assert answer is not None
        assert answer.good
        count += 1
    return count, (cpu_of(pid) - cpu_s) / (time.monotonic() - began)


async def is_behind(pins: Pins, slowed: int, whole: int) -> bool:
    """The slowed one has never much more than its 4 %. The other has more where others leave it any: tried again."""
    for _ in range(10):
        ours, theirs = await asyncio.gather(answers_and_cpu(pins, slowed), answers_and_cpu(pins, whole))
        assert ours[1] < 0.12
        if theirs[0] > 2 * ours[0]:
            return True
    return False


def cpu_of(pid: int) -> float:
    stat = read_stat(pid)
    assert stat is not None
    return stat.cpu_s


def groups_of(pid: int) -> set[str]:
    """Of each of its threads."""
    return {path.read_text() for path in Path(f"/proc/{pid}/task").glob("*/cgroup")}


def no_quota_here() -> bool:
    """Whether no group can be made on this machine; the fault must then be told to be unable, and why, else able."""
    why = why_not_quota()
    assert unable([FaultUse("worker.cpu-quota")]) == ({"worker.cpu-quota": why} if why else {})
    return bool(why)


def test_a_worker_under_a_quota_gets_that_much_cpu_and_its_sibling_all_it_wants(faults: Scene, served: Served) -> None:
    if no_quota_here():
        return

    async def see() -> None:
        first, second = served.workers()
        before, ledger = groups_of(first), faults.stage.spawner.ledger
        async with pinned(served) as pins:
            assert (await pins.ask_one(first, 20, asked("/thread"))) is not None  # it has more threads than one
            async with applied(actor(faults, served, "worker.cpu-quota", quota_percent=4)):
                (inside,) = groups_of(first)
                assert f"/shakedown-{ledger.token}-{first}\n" in inside
                assert groups_of(second) == before
                assert await is_behind(pins, first, second)
            assert await pins.ask(20) == ("answered", "answered")
        assert groups_of(first) == before
        assert "cpu-group" not in {entry.what for entry in open_entries(ledger.path)}

    faults.run(see())


def test_a_quota_goes_with_a_worker_that_is_replaced(faults: Scene, served: Served) -> None:
    if no_quota_here():
        return

    async def see() -> None:
        first = served.workers()[0]
        quota = actor(faults, served, "worker.cpu-quota")
        assert (await quota.apply())["confined"]
        served.signal(first, 9)
        await until(lambda: first not in served.workers(), 20, "it is gone")
        proof = await quota.prove()
        assert not proof.ok
        assert proof.why.endswith("The worker has ended meanwhile.")
        lifted = await quota.lift()
        assert lifted["replaced"]
        assert len(await answer_by_each_worker(served, "/part", 2, 30)) == 2

    faults.run(see())


def test_a_quota_that_cannot_be_taken_back_is_an_error_of_the_machine(
    faults: Scene, served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    if no_quota_here():
        return

    async def see() -> None:
        quota = actor(faults, served, "worker.cpu-quota")
        assert (await quota.apply())["confined"]
        with monkeypatch.context() as patched:
            patched.setattr("harness.system.cpu_group._remove", lambda _: False)
            with pytest.raises(MachineError, match="still has a CPU quota"):
                await quota.lift()
        await quota.lift()
        assert len(await answer_by_each_worker(served, "/part", 2, 30)) == 2

    faults.run(see())


def test_a_quota_that_is_refused_is_told_and_leaves_nothing(
    faults: Scene, served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("harness.system.cpu_group.cpu_folders", lambda _: [])

    async def see() -> None:
        refused = actor(faults, served, "worker.cpu-quota")
        assert not (await refused.apply())["confined"]
        proof = await refused.prove()
        assert not proof.ok
        assert "no control groups that count the CPU" in proof.why
        assert await refused.lift() == {}

    faults.run(see())
    assert "no control groups" in unable([FaultUse("worker.cpu-quota")])["worker.cpu-quota"]


@pytest.mark.parametrize(("id", "path"), [("worker.pool", "/part"), ("worker.threads", "/thread")])
def test_a_used_up_pool_keeps_this_workers_requests_and_no_others(
    faults: Scene, served: Served, id: str, path: str
) -> None:
    async def see() -> None:
        first, second = served.workers()
        async with pinned(served) as pins:
            async with applied(actor(faults, served, id, path)):
                hangs = await until_it_hangs(pins, path)
                elsewhere = await pins.ask_one(second, 5, asked(path))
                assert elsewhere is not None
                assert elsewhere.good
                assert not hangs.done()
            assert await is_late_only(hangs)
        await until(lambda: not set(thread_states(first).values()) & {"t", "T"}, 20, "no thread stands")
        assert await faults.is_whole()

    faults.run(see())


def test_the_request_that_proves_used_up_threads_is_left_open_until_the_lift(faults: Scene, served: Served) -> None:
    async def see() -> None:
        full = actor(faults, served, "worker.threads", "/thread")
        await full.apply()
        proof = await full.prove()
        lifted = await full.lift()
        assert proof.ok, proof
        waited_s = lifted["waited_s"]
        assert isinstance(waited_s, float)
        assert waited_s >= 1.0
        assert waited_s == pytest.approx(lifted["asked_before_s"], abs=0.1)
        assert lifted["ended"] == "timeout"
        await until(lambda: not set(thread_states(served.workers()[0]).values()) & {"t", "T"}, 20, "no thread stands")

    faults.run(see())


def test_a_pool_that_nobody_needs_is_no_fault(faults: Scene, served: Served) -> None:
    async def see() -> None:
        idle = actor(faults, served, "worker.threads", "/part")
        await idle.apply()
        proof = await idle.prove()
        await idle.lift()
        assert not proof.ok
        assert "no request of the load waited" in proof.why

    faults.run(see())


def test_a_pool_whose_part_no_read_needs_cannot_be_shown_to_be_full(faults: Scene, served: Served) -> None:
    async def see() -> None:
        full = actor(faults, served, "worker.pool")
        assert isinstance(full, FillPool)
        full.line = None
        async with pinned(served):
            await full.apply()
            proof = await full.prove()
            await full.lift()
        assert not proof.ok
        assert "no read of the load needs it" in proof.why

    faults.run(see())


@pytest.mark.parametrize(("fate", "shows"), [("timeout", True), ("answered 503", True), ("answered 404", False)])
def test_only_who_waits_or_refuses_shows_that_a_pool_is_full(
    faults: Scene, served: Served, monkeypatch: pytest.MonkeyPatch, fate: str, shows: bool
) -> None:
    async def see() -> None:
        first = served.workers()[0]
        async with pinned(served) as pins:
            assert await pins.ask_one(first, 20, asked("/part"))  # it has a connection to the part
            full = actor(faults, served, "worker.pool")
            await full.apply()
            monkeypatch.setattr(Pins, "ask", said(fate))
            proof = await full.prove()
            await full.lift()
        assert proof.ok is shows, proof

    faults.run(see())


def said(fate: str) -> Callable[..., Coroutine[Any, Any, tuple[str, str]]]:
    async def ask(*_: object) -> tuple[str, str]:
        return fate, "answered"

    return ask


def test_a_worker_holds_more_memory_and_gives_it_back_and_answers_all_the_time(faults: Scene, served: Served) -> None:
    async def see() -> None:
        first = served.workers()[0]
        before = rss_mb(first)
        async with pinned(served) as pins:
            async with applied(actor(faults, served, "worker.memory", grow_mb=60)):
                assert 55 < rss_mb(first) - before < 80
                assert await pins.ask(10) == ("answered", "answered")
            assert rss_mb(first) - before < 20
            assert await pins.ask(10) == ("answered", "answered")
        assert first in served.workers()

    faults.run(see())


def test_memory_that_is_not_given_back_is_told_and_given_back_by_the_next_lift(
    faults: Scene, served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def see() -> None:
        first = served.workers()[0]
        before = rss_mb(first)
        grows = actor(faults, served, "worker.memory", grow_mb=40)
        await grows.apply()
        with monkeypatch.context() as patched:
            patched.setattr("harness.system.grown_memory.WAIT_S", 0)
            for _ in range(2):
                with pytest.raises(MachineError, match=f"{first} still holds 40 MB of ours: failed its main thread"):
                    await grows.lift()
        assert rss_mb(first) - before > 35
        assert (await grows.lift())["given_back"] == "done"
        assert rss_mb(first) - before < 20

    faults.run(see())


def test_a_worker_that_holds_more_and_says_nothing_is_not_proven(
    faults: Scene, served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def see() -> None:
        grows = actor(faults, served, "worker.memory", grow_mb=16)
        await grows.apply()
        monkeypatch.setattr(Pins, "ask", said("timeout"))
        proof = await grows.prove()
        await grows.lift()
        assert (proof.ok, proof.evidence["canary"], proof.evidence["gone"]) == (False, "timeout", False)

    faults.run(see())


def test_a_worker_is_asked_on_a_new_connection_where_ours_has_ended(faults: Scene, served: Served) -> None:
    async def see() -> None:
        async with pinned(served) as pins:
            pins.connections[pins.hurt].close()
            assert (await pins.ask(20))[0] == "eof"
            assert await pins.ask_anew(20) == ("answered", "answered")

    faults.run(see())


def test_a_limit_of_the_process_is_met(faults: Scene, served: Served) -> None:
    async def see() -> None:
        first = served.workers()[0]
        size = address_space_bytes(first)
        unlimited = resource.prlimit(first, resource.RLIMIT_AS, (size + 30 * 2**20, resource.RLIM_INFINITY))
        grows = actor(faults, served, "worker.memory", grow_mb=100)
        try:
            assert (await grows.apply())["grown_mb"] in (16, 24)
            proof = await grows.prove()
            assert proof.ok
            assert "refused Cannot allocate memory" in proof.why
            assert (await grows.lift())["given_back"] == "done"
        finally:
            resource.prlimit(first, resource.RLIMIT_AS, unlimited)

    faults.run(see())


def address_space_bytes(pid: int) -> int:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[0]) * resource.getpagesize()


def rss_mb(pid: int) -> float:
    stat = read_stat(pid)
    assert stat is not None
    return stat.rss_bytes / 2**20


@pytest.mark.parametrize("id", ["worker.cpu", "worker.cpu-quota", "worker.pool", "worker.threads", "worker.memory"])
def test_a_lift_may_come_first_and_proves_nothing(faults: Scene, served: Served, id: str) -> None:
    async def see() -> None:
        never = actor(faults, served, id)
        assert await never.lift() == {}
        assert not (await never.prove()).ok

    faults.run(see())


@pytest.mark.parametrize("id", ["worker.freeze", "worker.kill"])
def test_a_worker_that_goes_in_the_last_moment_is_not_said_to_be_hurt(
    id: str, faults: Scene, served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its pid may be somebody else's by then; nobody gets the signal."""

    async def see() -> None:
        process = faults.stage.spawner.spawn(["sleep", "60"], name="worker", env=clean_env(), cwd=HERE)
        stat = read_stat(process.pid)
        assert stat is not None
        await process.end(first=9)

        async def picked(*_: object) -> tuple[Stat, int]:
            return stat, 0

        monkeypatch.setattr(f"harness.faults.{id.partition('.')[2]}.pick", picked)
        late = actor(faults, served, id)
        await late.apply()
        assert not (await late.prove()).ok
        await late.lift()

    faults.run(see())
