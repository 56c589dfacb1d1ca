"""How a fault is written down when the proxy hangs in the middle of it: the trial goes on, and says so."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from record_builder import REFUSED, Story

from harness.conductor import Conductor
from harness.deployment import NotThere
from harness.errors import HarnessError
from harness.faults.fault import Evidence, Proof
from harness.model.observation import FaultChanged, Observation
from harness.model.scenario import FaultUse
from harness.parts.toxiproxy_calls import Wedged


@dataclass
class Hanging:
    """An actor for which one of the three hangs the proxy, or raises what it is given."""

    at: str
    error: HarnessError = field(
        default_factory=lambda: Wedged("Toxiproxy did not answer. It was ended and started anew.")
    )
    done: list[str] = field(default_factory=list)

    def _act(self, what: str) -> None:
        self.done.append(what)
        if what == self.at:
            raise self.error

    async def apply(self) -> Evidence:
        self._act("apply")
        return {}

    async def prove(self) -> Proof:
        self._act("prove")
        return Proof(True, "It bites.")

    async def lift(self) -> Evidence:
        self._act("lift")
        return {}


def conductor() -> Conductor:
    rig = SimpleNamespace(toxiproxy=SimpleNamespace(renewed=[]))
    nobody: Any = None
    writer = SimpleNamespace(samples=Path("none"))
    return Conductor(cast(Any, rig), nobody, nobody, Story(REFUSED).trial(), nobody, cast(Any, writer), nobody)


@pytest.mark.parametrize("at", ["apply", "prove", "lift"])
def test_a_proxy_that_hangs_is_told_with_the_fault_and_the_fault_is_lifted(
    at: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("harness.timeline.PROVE_AFTER_S", 0.0)

    async def run(told: Callable[[FaultChanged], None]) -> Hanging:
        one, actor = conductor(), Hanging(at)
        await one._one_fault(FaultUse("postgres.latency", for_s=0.01), actor)
        while not one._queue.empty():
            seen = one._queue.get_nowait()
            assert isinstance(seen, FaultChanged)
            told(seen)
        return actor

    seen: list[FaultChanged] = []
    actor = asyncio.run(run(seen.append))
    assert actor.done == [change.action for change in seen] == ["apply", "prove", "lift"]
    assert [change.action for change in seen if not change.ok] == [at]
    assert "started anew" in next(change.why for change in seen if not change.ok)


def test_a_worker_that_has_gone_before_it_is_hurt_ends_no_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harness.timeline.PROVE_AFTER_S", 0.0)

    async def run() -> list[Observation]:
        one, actor = conductor(), Hanging("apply", NotThere("There is no worker number -1: the server has 0."))
        await one._one_fault(FaultUse("worker.kill", for_s=0.01), actor)
        return [one._queue.get_nowait() for _ in range(one._queue.qsize())]

    first, *_ = asyncio.run(run())
    assert isinstance(first, FaultChanged)
    assert (first.action, first.ok, first.why) == ("apply", False, "There is no worker number -1: the server has 0.")


def test_a_fault_that_is_cut_off_while_it_is_applied_is_lifted() -> None:
    class Applying(Hanging):
        async def apply(self) -> Evidence:
            self._act("apply")
            await asyncio.Event().wait()
            return {}

    async def run() -> Hanging:
        actor = Applying("")
        fault = asyncio.create_task(conductor()._one_fault(FaultUse("postgres.exhaust", for_s=0.01), actor))
        async with asyncio.timeout(5):
            while not actor.done:
                await asyncio.sleep(0)
            fault.cancel()
            await asyncio.wait([fault])
        return actor

    assert asyncio.run(run()).done == ["apply", "lift"]
