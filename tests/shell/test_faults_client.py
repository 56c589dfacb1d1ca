"""Each crowd of clients does to a server what it says, is counted, leaves at its lift and leaves nothing behind.

The server is the HTTP stub: what a service makes of such clients is for trials to find out.
"""

import asyncio
import dataclasses
import time
from typing import Any

import pytest
from fault_rig import Door, Scene, becomes, get

from harness.deployment import Address
from harness.errors import MachineError
from harness.faults import spec_of
from harness.faults.crowd import ARRIVING_S, Crowd
from harness.model.scenario import FaultUse

pytestmark = pytest.mark.real

CROWDS: list[tuple[str, dict[str, float], str]] = [
    ("slow-reader", {"clients": 4, "every_ms": 50}, "most_bytes_unread"),
    ("slow-sender", {"clients": 4, "every_ms": 50}, "bytes_dribbled"),
    ("disconnect", {"rate_rps": 100, "after_ms": 0}, "given_up"),
    ("burst", {"multiple": 5}, "answered_200"),
    ("oversized", {"clients": 2, "body_mb": 1}, "answered_200"),
    ("malformed", {"rate_rps": 100}, "answered_400"),
    ("idle", {"connections": 30}, "connected"),
    ("keep-alive", {"connections": 10, "every_ms": 50}, "answered_again"),
]


async def _gone(crowd: Crowd, faults: Scene) -> None:
    """The other end has let all go."""

    async def left() -> tuple[object, int]:
        return (await faults.stage.stubs["rates"].counts()).peers, crowd.established()

    await becomes(left, ((), 0))


async def _begin(crowd: Crowd) -> None:
    await crowd.apply()


def _crowd(faults: Scene, name: str, **parameters: float) -> Crowd:
    actor = faults.actor(f"client.{name}", **parameters)
    assert isinstance(actor, Crowd)
    return actor


@pytest.mark.parametrize(("name", "parameters", "counted"), CROWDS, ids=[name for name, *_ in CROWDS])
def test_a_crowd_is_proved_by_the_kernel_and_by_itself_and_leaves(
    faults: Scene, name: str, parameters: dict[str, float], counted: str
) -> None:
    async def see() -> None:
        crowd = _crowd(faults, name, **parameters)
        assert await crowd.lift() == {}  # before anything was done
        await crowd.apply()
        proof = await crowd.prove()
        assert proof.ok, proof
        assert proof.evidence["established"]
        end = time.monotonic() + 20
        while not crowd.tally[counted] and time.monotonic() < end:
            await asyncio.sleep(0.02)
        assert (await get(faults.link("rates")))[0] == 200
        began = time.monotonic()
        evidence = await crowd.lift()
        assert time.monotonic() - began < 10
        assert evidence[counted], evidence
        assert await crowd.lift() == evidence
        await _gone(crowd, faults)

    faults.run(see())


def test_idle_connections_are_all_there_and_heard_by_nobody(faults: Scene) -> None:
    async def see() -> None:
        crowd = _crowd(faults, "idle", connections=50)
        before = (await faults.stage.stubs["rates"].counts()).total
        await crowd.apply()
        end = time.monotonic() + 20
        while crowd.established() < 50 and time.monotonic() < end:
            await asyncio.sleep(0.02)
        assert crowd.established() == 50
        assert (await faults.stage.stubs["rates"].counts()).total == before
        assert (await crowd.lift())["open_at_the_end"] == 50
        await _gone(crowd, faults)

    faults.run(see())


def test_kept_connections_are_used_again_and_none_is_opened_anew(faults: Scene) -> None:
    async def see() -> None:
        crowd = _crowd(faults, "keep-alive", connections=10, every_ms=50)
        before = (await faults.stage.stubs["rates"].counts()).total
        await crowd.apply()
        end = time.monotonic() + 20
        while crowd.tally["answered_again"] < 50 and time.monotonic() < end:
            await asyncio.sleep(0.02)
        assert crowd.tally["answered_again"] >= 50
        assert crowd.established() == crowd.tally["connected"] == 10
        evidence: Any = await crowd.lift()
        assert evidence["answered_200"] >= evidence["answered_first"] + evidence["answered_again"] >= 60
        asked = (await faults.stage.stubs["rates"].counts()).total - before
        assert evidence["answered_200"] <= asked <= evidence["requests"]
        await _gone(crowd, faults)

    faults.run(see())


def test_a_burst_comes_at_its_rate(faults: Scene) -> None:
    async def see() -> None:
        crowd = _crowd(faults, "burst", multiple=10)
        began = time.monotonic()
        await crowd.apply()
        while crowd.tally["requests"] < 200 and time.monotonic() < began + 20:
            await asyncio.sleep(0.01)
        assert 0.7 < time.monotonic() - began < 5
        evidence: Any = await crowd.lift()
        assert evidence["answered_200"] + evidence["open_at_the_end"] == evidence["requests"]

    faults.run(see())


def test_clients_that_stay_come_one_after_the_other(faults: Scene) -> None:
    """So that one worker of several does not find all of them waiting at once, and takes them."""
    came: list[float] = []

    async def visit(crowd: Crowd, number: int, turn: int) -> None:
        came.append(time.monotonic())
        async with crowd.connection() as sock:
            crowd.tally["come"] += 1
            await crowd.hear(sock)

    async def see() -> None:
        crowd = Crowd(
            faults.stage.deployment.address, 20, visit, lambda tally: tally["come"] == 20, arriving_s=ARRIVING_S
        )
        began = time.monotonic()
        await crowd.apply()
        assert (await crowd.prove()).ok
        await crowd.lift()
        assert len(came) == 20
        assert all(at - began >= 0.3 for at in came[-3:])

    faults.run(see())


def test_more_clients_than_files_are_refused(faults: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("resource.getrlimit", lambda _: (300, 300))
    with pytest.raises(MachineError, match="ulimit -n"):
        faults.run(_begin(_crowd(faults, "idle", connections=50)))


@pytest.mark.parametrize("name", [name for name, *_ in CROWDS])
def test_nothing_is_proved_where_nobody_listens(faults: Scene, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async def see() -> None:
        monkeypatch.setattr("harness.faults.crowd._PROOF_S", 0.1)
        nowhere: Any = Door(Address("127.0.0.1", 1))
        use = FaultUse(f"client.{name}")
        crowd: Any = spec_of(use).build(use, dataclasses.replace(faults.stage, deployment=nowhere))
        await crowd.apply()
        assert not (await crowd.prove()).ok
        end = time.monotonic() + 20
        while not crowd.tally["refused"] and time.monotonic() < end:
            await asyncio.sleep(0.02)
        assert (await crowd.lift())["refused"]

    faults.run(see())
