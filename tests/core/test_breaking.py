"""What was begun is lifted, whatever comes between, and it is written down: also when the proxy hangs in its midst."""

import asyncio
from dataclasses import dataclass, field, replace
from types import SimpleNamespace
from typing import Any, cast

import pytest
from record_builder import REFUSED, Story

from harness.breaking import Breaking
from harness.deployment import NotThere
from harness.errors import HarnessError
from harness.faults import spec_of
from harness.faults.fault import Evidence, Proof, Stage
from harness.model.observation import FaultChanged, Observation
from harness.model.scenario import FaultUse
from harness.parts.toxiproxy_calls import Wedged
from harness.system.clock import Clock


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


def breaking(seen: list[Observation]) -> Breaking:
    return Breaking(Story(REFUSED).trial(), Clock.start(), seen.append)


@pytest.fixture
def prompt_proof(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harness.timeline.PROVE_AFTER_S", 0.0)


@pytest.mark.usefixtures("prompt_proof")
@pytest.mark.parametrize("at", ["apply", "prove", "lift"])
def test_a_proxy_that_hangs_is_told_with_the_fault_and_the_fault_is_lifted(at: str) -> None:
    seen: list[Observation] = []
    actor = Hanging(at)
    asyncio.run(breaking(seen).one_fault(FaultUse("postgres.latency", for_s=0.01), actor))
    changes = [one for one in seen if isinstance(one, FaultChanged)]
    assert len(changes) == len(seen)
    assert actor.done == [change.action for change in changes] == ["apply", "prove", "lift"]
    assert [change.action for change in changes if not change.ok] == [at]
    assert "started anew" in next(change.why for change in changes if not change.ok)


@pytest.mark.usefixtures("prompt_proof")
def test_a_worker_that_has_gone_before_it_is_hurt_ends_no_run() -> None:
    seen: list[Observation] = []
    actor = Hanging("apply", NotThere("There is no worker number -1: the server has 0."))
    asyncio.run(breaking(seen).one_fault(FaultUse("worker.kill", for_s=0.01), actor))
    first = seen[0]
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
        fault = asyncio.create_task(breaking([]).one_fault(FaultUse("postgres.exhaust", for_s=0.01), actor))
        async with asyncio.timeout(5):
            while not actor.done:
                await asyncio.sleep(0)
            fault.cancel()
            await asyncio.wait([fault])
        return actor

    assert asyncio.run(run()).done == ["apply", "lift"]


@dataclass
class Slow(Hanging):
    """Needs a moment for what it is told."""

    slow: str = ""
    took_s: float = 0.05

    async def apply(self) -> Evidence:
        await asyncio.sleep(self.took_s if self.slow == "apply" else 0.0)
        return await super().apply()

    async def lift(self) -> Evidence:
        await asyncio.sleep(self.took_s if self.slow == "lift" else 0.0)
        return await super().lift()


@pytest.mark.usefixtures("prompt_proof")
def test_what_an_apply_takes_is_not_taken_off_the_fault() -> None:
    seen: list[Observation] = []
    asyncio.run(breaking(seen).one_fault(FaultUse("worker.freeze", for_s=0.05), Slow("", slow="apply")))
    apply, _, lift = (one for one in seen if isinstance(one, FaultChanged))
    assert apply.done_ns - apply.sent_ns >= 50_000_000
    assert lift.sent_ns - apply.done_ns >= 49_000_000  # two clocks


def test_the_proof_comes_when_the_timeline_says(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[FaultUse] = []

    def at_once(use: FaultUse) -> float:
        asked.append(use)
        return 0.0

    monkeypatch.setattr("harness.timeline.proved_after_s", at_once)
    use = FaultUse("postgres.refuse", for_s=0.1)
    asyncio.run(breaking([]).one_fault(use, Hanging("")))
    assert asked == [use]


@pytest.mark.usefixtures("prompt_proof")
@pytest.mark.parametrize(("second", "waits"), [("postgres.flap", True), ("postgres.latency", False)])
def test_whoever_needs_the_same_thing_waits_until_the_other_is_lifted(
    second: str, waits: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def build(use: FaultUse, _stage: object) -> Hanging:
        return Slow("", slow="lift", took_s=0.2) if use.id == "postgres.refuse" else Hanging("")

    real = spec_of

    def built(*given: Any) -> Any:
        spec = real(*given)
        return SimpleNamespace(build=build, owns=spec.owns, per=spec.per)

    monkeypatch.setattr("harness.breaking.spec_of", built)
    scenario = replace(
        REFUSED, faults=(FaultUse("postgres.refuse", for_s=0.01), FaultUse(second, at_s=0.01, for_s=0.01))
    )
    seen: list[Observation] = []
    one = Breaking(replace(Story(REFUSED).trial(), scenario=scenario), Clock.start(), seen.append)
    asyncio.run(one.all_faults(cast(Stage, None), lambda: pytest.fail("nothing drains")))
    changes = [(each.action, each.fault) for each in seen if isinstance(each, FaultChanged)]
    assert (changes.index(("lift", "postgres.refuse")) < changes.index(("apply", second))) is waits


def test_what_is_broken_beside_the_end_of_the_server_is_seen_before_it_and_lifted_once_the_last_one_first(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    actors: dict[str, Hanging] = {}

    def build(use: FaultUse, _stage: object) -> Hanging:
        return actors.setdefault(use.id, Hanging(""))

    monkeypatch.setattr("harness.breaking.spec_of", lambda *_: SimpleNamespace(build=build))
    uses = ("postgres.latency", "server.sigterm", "postgres.lock")
    scenario = replace(REFUSED, faults=tuple(FaultUse(id) for id in uses))
    seen: list[Observation] = []

    async def run() -> None:
        one = Breaking(replace(Story(REFUSED).trial(), scenario=scenario), Clock.start(), seen.append)
        await one.begin_all(cast(Stage, None))
        await asyncio.gather(*one.proofs)
        await one.mend()
        await one.mend()

    asyncio.run(run())
    changes = [(one.action, one.fault) for one in seen if isinstance(one, FaultChanged)]
    beside = ("postgres.latency", "postgres.lock")
    assert changes[:2] == [("apply", id) for id in beside]
    assert sorted(changes[2:4]) == [("prove", id) for id in beside]
    assert changes[4:6] == [("apply", "server.sigterm"), ("prove", "server.sigterm")]
    assert changes[6:] == [("lift", "postgres.lock"), ("lift", "postgres.latency")]
    assert actors["server.sigterm"].done == ["apply", "prove"]
