"""A worker that is stopped or killed: what the kernel says, what its clients see, and nothing of it afterwards."""

import asyncio
import signal
from collections.abc import Iterator

import pytest
from fault_rig import applied
from operations_rig import UP_S, WORKERS, Stand, lift_what_never_was, stand
from parts_rig import until

from harness.deployment import Deployment
from harness.errors import MachineError
from harness.faults.kill import Kill
from harness.faults.worker import connections_by_worker, other_ends
from harness.system.proc import Stat, read_stat

pytestmark = pytest.mark.real


@pytest.fixture(scope="module")
def server() -> Iterator[Stand]:
    with stand() as made:
        yield made


def state(pid: int) -> str:
    stat = read_stat(pid)
    return stat.state if stat else "gone"


@pytest.mark.parametrize("id", ["worker.freeze", "worker.kill"])
def test_a_lift_of_what_was_never_applied_touches_nothing(server: Stand, id: str) -> None:
    server.run(lift_what_never_was(server, id))


def test_a_frozen_worker_answers_nothing_and_goes_on_where_it_was(server: Stand) -> None:
    async def see() -> None:
        deployment = await server.up()
        frozen, other = deployment.workers()
        async with server.pinned() as kept:
            async with applied(server.actor("worker.freeze", index=0)) as proof:
                assert state(frozen) == "T"
                assert (proof.evidence["canary"], proof.evidence["other_worker"]) == ("timeout", "answered")
                asked = asyncio.ensure_future(server.ask(kept[frozen]))
                assert await server.ask(kept[other]) == "answered"
                done, _ = await asyncio.wait({asked}, timeout=0.5)
                assert not done
            assert await asked == "answered"
        assert await server.answering(WORKERS)
        assert list(deployment.workers()) == [frozen, other]

    server.run(see())


def test_a_worker_that_goes_on_by_itself_is_not_said_to_be_frozen(server: Stand) -> None:
    async def see() -> None:
        deployment = await server.up()
        actor = server.actor("worker.freeze", index=0)
        evidence = await actor.apply()
        deployment.signal(int(evidence["pid"]), signal.SIGCONT)
        await until(lambda: state(int(evidence["pid"])) != "T", UP_S, "it goes on")
        proof = await actor.prove()
        await actor.lift()
        assert not proof.ok
        assert proof.evidence["canary"] == "answered"

    server.run(see())


def test_the_busiest_worker_is_hurt_unless_one_is_named(server: Stand) -> None:
    async def see() -> None:
        deployment = await server.up()
        async with server.pinned() as kept:
            idle, busy = deployment.workers()
            kept[idle].close()
            await until(lambda: connections_by_worker(deployment) == {idle: 0, busy: 1}, UP_S, "one connection")
            async with applied(server.actor("worker.freeze")):
                assert state(busy) == "T"
        async with server.pinned() as kept:
            for times, asked in zip((10, 30), deployment.workers(), strict=True):
                for _ in range(times):
                    assert await server.ask(kept[asked]) == "answered"
                async with applied(server.actor("worker.freeze")):
                    assert state(asked) == "T", "both have one connection"
        with pytest.raises(MachineError, match="no worker number 7"):
            await server.actor("worker.freeze", index=7).apply()
        assert await server.answering(WORKERS)

    server.run(see())


def test_a_killed_worker_takes_its_connections_with_it_and_is_replaced(server: Stand) -> None:
    async def see() -> None:
        deployment = await server.up()
        master, (killed, other) = deployment.master(), deployment.workers()
        async with server.pinned() as kept, applied(server.actor("worker.kill", index=0)) as proof:
            assert (proof.evidence["clients"], proof.evidence["connected"]) == (1, 0)
            assert await server.ask(kept[killed]) in ("eof", "reset")
            assert await server.ask(kept[other]) == "answered"
        assert await server.answering(WORKERS)
        assert deployment.master() == master
        assert killed not in deployment.workers()

    server.run(see())


def test_a_killed_worker_that_nobody_talks_to_is_told_to_a_client_of_ours(server: Stand) -> None:
    async def see() -> None:
        deployment = await server.up()
        await until(lambda: set(connections_by_worker(deployment).values()) == {0}, UP_S, "no connection")
        async with applied(server.actor("worker.kill", index=0)) as proof:
            assert int(proof.evidence["clients"]) >= 1
        assert await server.answering(WORKERS)

    server.run(see())


def test_a_worker_whose_clients_left_before_it_was_killed_is_told_to_one_of_ours(
    server: Stand, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def picked(_: Deployment, index: int) -> tuple[Stat, int]:
        stat = read_stat(server.deployment.workers()[index])
        assert stat is not None
        return stat, 3  # so many were counted, and closed since

    async def see() -> None:
        deployment = await server.up()
        await until(lambda: set(connections_by_worker(deployment).values()) == {0}, UP_S, "no connection")
        monkeypatch.setattr("harness.faults.kill.pick", picked)
        async with applied(server.actor("worker.kill", index=0)) as proof:
            assert int(proof.evidence["clients"]) >= 1
        assert await server.answering(WORKERS)

    server.run(see())


def test_a_client_that_is_still_connected_speaks_against_a_kill(server: Stand, monkeypatch: pytest.MonkeyPatch) -> None:
    async def see() -> None:
        deployment = await server.up()
        monkeypatch.setattr("harness.faults.kill._NOTICE_S", 1.0)
        async with server.pinned():
            other = deployment.workers()[1]
            actor = server.actor("worker.kill", index=0)
            assert isinstance(actor, Kill)
            await actor.apply()
            actor.clients |= other_ends(deployment, other)
            proof = await actor.prove()
            assert not proof.ok
            assert (proof.evidence["gone"], proof.evidence["connected"]) == (True, 1)
        assert await server.answering(WORKERS)

    server.run(see())
