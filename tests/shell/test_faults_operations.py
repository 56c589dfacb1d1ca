"""Each operation of a server does what it says, and nothing of it is left afterwards."""

import asyncio
import signal
import time
from collections.abc import Iterator

import pytest
from fault_rig import Scene, applied
from operations_rig import UP_S, WORKERS, Stand, lift_what_never_was, stand
from parts_rig import until

from harness.backends.process import ProcessDeployment
from harness.deployment import Deployment
from harness.errors import MachineError
from harness.faults.operation import Operation
from harness.faults.pins import Pins
from harness.faults.worker import connections_by_worker

pytestmark = pytest.mark.real

MOST = 1_000  # requests of a worker: more than it is asked for until the other one is up, too
IDS = (
    "server.scale-up",
    "server.scale-down",
    "server.sighup",
    "server.reload-broken",
    "server.recycle",
    "server.restart",
    "server.sigterm",
    "server.kill",
)


@pytest.fixture(scope="module")
def server() -> Iterator[Stand]:
    with stand() as made:
        yield made


@pytest.mark.parametrize("id", IDS)
def test_a_lift_of_what_was_never_applied_touches_nothing(server: Stand, id: str) -> None:
    server.run(lift_what_never_was(server, id))


@pytest.mark.parametrize(("name", "meanwhile"), [("scale-up", WORKERS + 1), ("scale-down", WORKERS - 1)])
def test_the_number_of_workers_is_another_one_until_the_lift(server: Stand, name: str, meanwhile: int) -> None:
    async def see() -> None:
        deployment = await server.up()
        master, before = deployment.master(), set(deployment.workers())
        actor = server.actor(f"server.{name}")
        async with applied(actor) as proof:
            new, gone = max(0, meanwhile - WORKERS), max(0, WORKERS - meanwhile)
            assert (proof.evidence["new"], proof.evidence["answered"]) == (new, new)
            assert (int(proof.evidence["clients"]) > 0, proof.evidence["connected"]) == (gone > 0, 0)
            assert await server.answering(meanwhile)
            assert len(before & set(deployment.workers())) == min(WORKERS, meanwhile)
        await until(lambda: len(deployment.workers()) == WORKERS, UP_S, "as many workers as before")
        assert await actor.lift() == {}, "it would ask for one more each time"
        assert await server.answering(WORKERS)
        assert deployment.master() == master

    server.run(see())


def test_a_reload_replaces_every_worker_of_the_same_supervisor(server: Stand) -> None:
    async def see() -> None:
        deployment = await server.up()
        master, before = deployment.master(), set(deployment.workers())
        async with applied(server.actor("server.sighup")) as proof:
            assert (proof.evidence["answered"], proof.evidence["connected"]) == (WORKERS, 0)
            assert int(proof.evidence["clients"]) >= WORKERS
            assert await server.answering(WORKERS)
            assert before & set(deployment.workers()) == set()
        assert deployment.master() == master

    server.run(see())


def test_a_slow_reload_keeps_each_new_worker_from_its_app_for_so_long(server: Stand) -> None:
    async def see() -> None:
        deployment = await server.up()
        master, before = deployment.master(), set(deployment.workers())
        async with applied(server.actor("server.sighup", start_s=1)):
            assert before & set(deployment.workers()) == set()
            assert set(deployment.workers()) <= server.hook.done("sleep")
            assert await server.answering(WORKERS)
            assert 0.95 < waited_since_s(server) < 1 + UP_S
        slow = set(deployment.workers())
        async with applied(server.actor("server.sighup")):  # nothing of it is left for the next
            assert await server.answering(WORKERS)
            assert set(deployment.workers()) & (slow | server.hook.done("sleep")) == set()
        assert deployment.master() == master

    server.run(see())


def waited_since_s(server: Stand) -> float:
    """How long ago the last worker of a slow reload began to wait, by the time of the file in which it says so."""
    return time.time() - server.hook.file.with_name(f"{server.hook.file.name}.done").stat().st_mtime


@pytest.mark.parametrize(("name", "left", "new"), [("sighup", 0, WORKERS), ("scale-up", WORKERS, 1)])
def test_new_workers_that_do_not_answer_do_not_hold_a_proof_up_and_speak_against_it_where_none_left(
    server: Stand, name: str, left: int, new: int
) -> None:
    """That a reload makes a service silent is the finding, and no doubt about the reload."""

    async def see() -> None:
        deployment = await server.up()
        actor = server.actor(f"server.{name}")
        assert isinstance(actor, Operation)
        server.hook.tell("sleep 60")
        try:
            await actor.apply()
            await until(lambda: len(set(deployment.workers()) - before_of(actor)) == new, UP_S, "they are there")
            await until(lambda: len(deployment.workers()) == left + new, UP_S, "those that leave have left")
            actor.notice_s = 1.0
            async with asyncio.timeout(UP_S):
                proof = await actor.prove()
        finally:
            await actor.lift()
            server.hook.forget()
            await deployment.kill()  # they sleep
        assert proof.ok == (name == "sighup")
        assert (proof.evidence["new"], proof.evidence["left"], proof.evidence["answered"]) == (new, left, 0)

    server.run(see())


def before_of(actor: Operation) -> set[int]:
    return set(actor.seen.before) if actor.seen is not None else set()


@pytest.mark.parametrize("whose", ["another's", "nobody's"])
def test_without_a_client_that_lost_its_worker_none_is_said_to_have_left(server: Stand, whose: str) -> None:
    async def see() -> None:
        deployment = await server.up()
        async with server.pinned():
            actor = server.actor("server.scale-down")
            assert isinstance(actor, Operation)
            await actor.apply()
            assert actor.seen is not None
            all_ends = frozenset[int]().union(*actor.seen.clients.values())
            await until(lambda: len(deployment.workers()) == WORKERS - 1, UP_S, "one has left")
            actor.seen.clients = dict.fromkeys(actor.seen.before, all_ends) if whose == "another's" else {}
            actor.notice_s = 1.0
            proof = await actor.prove()
            await actor.lift()
        assert not proof.ok
        assert proof.evidence["left"] == WORKERS - 1
        assert int(proof.evidence["connected"]) == (1 if whose == "another's" else 0)
        assert await server.answering(WORKERS)

    server.run(see())


def test_a_reload_is_proven_by_anybodys_answer_where_the_app_closes_each_connection(server: Stand) -> None:
    async def see() -> None:
        deployment = await server.up()
        await until(lambda: set(connections_by_worker(deployment).values()) == {0}, UP_S, "no connection")
        actor = server.actor("server.sighup")
        assert isinstance(actor, Operation)
        actor.live = "/health?-1"
        async with applied(actor) as proof:
            assert actor.seen is not None
            assert actor.seen.unkept
            assert "somebody answered us" in proof.why
        assert await server.answering(WORKERS)

    server.run(see())


def test_a_broken_reload_is_not_proven_by_what_was_written_before_it_nor_by_a_word_alone(
    server: Stand, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def see() -> None:
        deployment = await server.up()
        done = server.hook.file.with_name(f"{server.hook.file.name}.done")
        with done.open("a") as file:
            file.write(f"{deployment.workers()[0]} raise\n")
        monkeypatch.setattr("harness.faults.reload_broken._NOTICE_S", 0.3)
        monkeypatch.setattr(ProcessDeployment, "signal", lambda *_: None)
        actor = server.actor("server.reload-broken")
        await actor.apply()
        stale = await actor.prove()
        with done.open("a") as file:
            file.write(f"{deployment.workers()[0]} sleep\n{deployment.workers()[1]} raise\n")
        word = await actor.prove()
        await actor.lift()
        assert (stale.ok, stale.evidence["failed"]) == (False, 0)
        assert (word.ok, word.evidence["failed"], word.evidence["came"]) == (False, 1, 0)

    server.run(see())


def test_a_broken_reload_ends_gunicorn_and_it_is_started_again_with_code_that_is_whole(server: Stand) -> None:
    async def see() -> None:
        deployment = await server.up()
        old, actor = deployment.master(), server.actor("server.reload-broken")
        await actor.apply()
        proof = await actor.prove()
        assert proof.ok, proof
        assert int(proof.evidence["came"]) > 0 or proof.evidence["ended"]
        await until(lambda: deployment.master() < 0, UP_S, "Gunicorn ends when its workers cannot start (F29)")
        assert "cannot be imported" in deployment.log.read_text()
        told = await actor.lift()
        assert (told["ended"], told["up"]) == (True, True)
        assert deployment.master() not in (-1, old)
        assert await server.answering(WORKERS)
        assert (await actor.lift())["ended"] is False, "it would start it twice"

    server.run(see())


def test_a_worker_that_has_served_its_requests_is_replaced_by_the_same_supervisor() -> None:
    async def see(recycling: Stand) -> None:
        deployment = await recycling.up()
        master, before = deployment.master(), set(deployment.workers())
        actor = recycling.actor("server.recycle", rate_rps=1000)
        assert (await actor.apply())["max_requests"] == MOST
        proof = await actor.prove()
        told = await actor.lift()
        assert proof.ok, proof
        assert len(before - set(deployment.workers())) == 1, "the other one is not brought there"
        assert deployment.master() == master
        assert int(told["asked"]) > 0
        assert proof.evidence["canary"] in ("eof", "reset"), "our connection to it has ended"
        assert await actor.lift() == told, "nothing more is asked"

    with stand() as made:
        made.max_requests = MOST
        made.run(see(made))


def test_a_server_that_recycles_nothing_is_not_said_to(server: Stand) -> None:
    async def see() -> None:
        await server.up()
        actor = server.actor("server.recycle")
        await actor.apply()
        assert not (await actor.prove()).ok
        await actor.lift()

    server.run(see())


def test_a_worker_that_left_and_was_never_asked_by_us_is_not_said_to_be_recycled(
    server: Stand, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def nobody(deployment: Deployment, path: str, hurt: int) -> Pins:
        return Pins(deployment, path, hurt)

    async def see() -> None:
        deployment = await server.up()
        monkeypatch.setattr(Pins, "open", nobody)
        actor = server.actor("server.recycle")
        left = int((await actor.apply())["worker"])
        deployment.signal(left, signal.SIGTERM)
        await until(lambda: left not in deployment.workers(), UP_S, "it leaves")
        assert await server.answering(WORKERS)
        proof = await actor.prove()
        await actor.lift()
        assert not proof.ok
        assert (proof.evidence["new"], proof.evidence["asked"]) == (1, 0)

    server.run(see())


def test_a_server_that_is_asked_to_end_answers_what_it_has_and_is_gone(server: Stand) -> None:
    async def see() -> None:
        deployment = await server.up()
        reader, writer = await server.begun()
        actor = server.actor("server.sigterm")
        await actor.apply()
        proving = asyncio.ensure_future(actor.prove())
        await until(server.is_refused, UP_S, "nobody is let in any more")
        assert not proving.done(), "it waits for the request"
        writer.write(b"ok")
        async with asyncio.timeout(UP_S):
            assert b" 201 " in await reader.readline()
            proof = await proving
        assert proof.ok
        assert proof.evidence["beside_the_proxy"] == "refused"
        writer.close()
        await actor.lift()
        assert deployment.exit_code == 0
        assert (deployment.master(), list(deployment.workers()), list(deployment.leftovers())) == (-1, [], [])
        assert server.is_refused()

    server.run(see())


def test_a_restarted_server_answers_what_it_has_and_is_there_again_on_the_same_address(server: Stand) -> None:
    async def see() -> None:
        deployment = await server.up()
        old, address = deployment.master(), deployment.address
        reader, writer = await server.begun()
        actor = server.actor("server.restart")
        ending = asyncio.ensure_future(actor.apply())
        await until(server.is_refused, UP_S, "nobody is let in any more")
        assert not ending.done(), "it waits for the request"
        writer.write(b"ok")
        async with asyncio.timeout(UP_S):
            assert b" 201 " in await reader.readline()
            assert (await ending)["exit_code"] == 0
        writer.close()
        assert (await actor.prove()).ok
        assert (deployment.master(), list(deployment.leftovers())) == (-1, [])
        assert (await actor.lift())["up"]
        assert deployment.address == address
        assert deployment.master() not in (-1, old)
        assert deployment.is_ours()
        assert await server.answering(WORKERS)
        new = deployment.master()
        assert await actor.lift() == {}, "it would start it twice"
        assert deployment.master() == new

    server.run(see())


def test_a_server_that_runs_is_not_started_once_more(server: Stand) -> None:
    async def see() -> None:
        deployment = await server.up()
        with pytest.raises(MachineError, match="still runs"):
            deployment.start_again()

    server.run(see())


def test_a_service_is_started_while_its_database_refuses(server: Stand, faults: Scene) -> None:
    async def see() -> None:
        deployment = await server.up()
        old = deployment.master()
        actor = server.actor("server.boot-without-postgres", faults.stage)
        await actor.lift()  # of what was never applied
        assert deployment.master() == old
        async with applied(actor):
            assert deployment.master() not in (-1, old)
            assert await server.answering(WORKERS)
            with pytest.raises(ConnectionRefusedError):
                await faults.session()
        assert await faults.is_whole()
        assert await server.answering(WORKERS)

    faults.run(see())


def test_a_killed_supervisor_is_gone_and_what_it_leaves_is_found(server: Stand) -> None:
    async def see() -> None:
        deployment = await server.up()
        workers = list(deployment.workers())
        async with applied(server.actor("server.kill")) as proof:
            assert proof.evidence["workers_that_lost_it"] == WORKERS
            assert deployment.exit_code == -9
            assert list(deployment.leftovers()) == sorted(workers), "Uvicorn's workers go on without Gunicorn (F09)"
        await deployment.kill()
        assert list(deployment.leftovers()) == []
        assert server.is_refused()

    server.run(see())
