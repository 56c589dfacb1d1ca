"""However a trial ends: what was at work is closed, the last line of the record says how, and whoever waits is told."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, cast

import pytest

from harness.conductor import _record
from harness.errors import HarnessError, MachineError
from harness.model.observation import Noted, Observation, TrialEnded
from harness.pen import Pen
from harness.system.clock import Clock


@dataclass
class Rig:
    """Parts that are alive as long as `dead` is empty."""

    dead: str = ""
    toxiproxy: Any = field(default_factory=lambda: SimpleNamespace(renewed=["It was renewed in the trial before."]))

    def check_alive(self) -> None:
        if self.dead:
            raise MachineError(self.dead)


class Phases:
    """A trial that does only this."""

    load = None

    def __init__(self, work: Callable[[], Awaitable[None]]) -> None:
        self._work, self.clock, self.closed = work, Clock.start(), False

    async def run(self) -> None:
        await self._work()

    async def close(self) -> None:
        self.closed = True


async def for_ever() -> None:
    await asyncio.Event().wait()


async def nothing() -> None:
    pass


async def record(rig: Rig, phases: Phases, write: Callable[[Observation], None]) -> None:
    async with asyncio.timeout(20):
        await _record(cast(Any, rig), cast(Any, phases), Pen(write))
    assert phases.closed


def how_it_ended(seen: list[Observation]) -> tuple[str, str]:
    *_, last = seen
    assert isinstance(last, TrialEnded)
    return last.reason, last.why


def test_a_trial_that_runs_to_its_end_says_so() -> None:
    seen: list[Observation] = []
    asyncio.run(record(Rig(), Phases(nothing), seen.append))
    assert len(seen) == 1
    assert how_it_ended(seen) == ("complete", "")


def test_a_part_that_ends_by_itself_ends_the_trial() -> None:
    seen: list[Observation] = []
    phases = Phases(for_ever)
    with pytest.raises(MachineError, match="The part db ended"):
        asyncio.run(record(Rig(dead="The part db ended by itself."), phases, seen.append))
    assert phases.closed
    assert how_it_ended(seen) == ("error", "The part db ended by itself.")


def test_a_trial_that_is_interrupted_is_closed_and_says_so() -> None:
    seen: list[Observation] = []
    phases = Phases(for_ever)

    async def run() -> None:
        task = asyncio.create_task(record(Rig(), phases, seen.append))
        for _ in range(5):
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(run())
    assert phases.closed
    assert how_it_ended(seen) == ("interrupted", "the run was interrupted")


def test_a_record_that_cannot_be_written_ends_the_trial() -> None:
    def write(_seen: Observation) -> None:
        raise MachineError("The record cannot be written.")

    pen = Pen(write)
    phases = Phases(for_ever)

    async def run() -> None:
        pen.emit(Noted("something", "was seen"))
        async with asyncio.timeout(20):
            await _record(cast(Any, Rig()), cast(Any, phases), pen)

    with pytest.raises(MachineError, match="cannot be written"):
        asyncio.run(run())
    assert phases.closed


def test_a_proxy_that_was_renewed_is_noted_and_does_not_hide_why_the_trial_ended() -> None:
    rig, seen = Rig(), list[Observation]()

    async def work() -> None:
        rig.toxiproxy.renewed.append("Toxiproxy hung.")
        raise HarnessError("The load ended before the trial did.")

    with pytest.raises(HarnessError):
        asyncio.run(record(rig, Phases(work), seen.append))
    assert [one.text for one in seen if isinstance(one, Noted)] == ["Toxiproxy hung."]
    assert how_it_ended(seen) == ("error", "The load ended before the trial did.")
