"""Runs one trial and writes its record, to the last line however it ends. It judges nothing.

phases ─┐
probes ─┼─▶ one queue ─▶ pen ─▶ record      beside them a guard: do the parts, the load and the pen still work?
load   ─┘
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from functools import partial
from typing import Literal, Protocol

from harness.errors import HarnessError
from harness.model.observation import PROXY_RENEWED, Noted, Observation, TrialEnded
from harness.model.trial import PlannedTrial
from harness.pen import Pen
from harness.phases import Phases
from harness.record import TrialWriter
from harness.rig import Rig
from harness.stagehand import Stagehand
from harness.trial_state import TrialState


class Listener(Protocol):
    """Who wants to see a trial while it runs."""

    def phase(self, planned: PlannedTrial, phase: str, length_s: float) -> None: ...
    def seen(self, observation: Observation) -> None: ...


async def conduct(rig: Rig, planned: PlannedTrial, writer: TrialWriter, listener: Listener, *, rate_rps: float) -> None:
    """Run a trial to its end. Errors of machine and harness are in the record too, and raised."""
    async with Stagehand(rig, planned) as hand:
        prepared = await hand.prepare()
        trial = hand.describe(prepared, rate_rps)
        writer.write_trial(trial)
        state = TrialState(trial, writer.samples)
        pen = Pen(state.see, writer.write, listener.seen)
        phases = Phases(hand, prepared, trial, writer, state, pen.emit, partial(listener.phase, planned))
        await _record(rig, phases, pen)


async def _record(rig: Rig, phases: Phases, pen: Pen) -> None:
    """All phases; whatever ends them, the record says so in its last line."""
    renewed = len(rig.toxiproxy.renewed)
    writing = asyncio.create_task(pen.write())
    reason: Literal["complete", "interrupted", "error"] = "error"
    why = "the harness failed"
    try:
        await _beside(phases.run(), _guard(rig, phases, writing))
        reason, why = "complete", ""
    except asyncio.CancelledError:
        reason, why = "interrupted", "the run was interrupted"
        raise
    except HarnessError as error:
        why = str(error)
        raise
    finally:
        await phases.close()
        now_ns = phases.clock.now_ns()
        for hang in rig.toxiproxy.renewed[renewed:]:
            pen.emit(Noted(PROXY_RENEWED, hang, {}, now_ns, now_ns))
        pen.emit(TrialEnded(reason, why, now_ns, now_ns))
        await asyncio.wait([writing])
    writing.result()


async def _beside(work: Awaitable[None], guard: Awaitable[None]) -> None:
    """Do the work while the guard watches; the guard only ends by raising."""
    tasks = [asyncio.ensure_future(work), asyncio.ensure_future(guard)]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            if not task.done():
                task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    for task in reversed(tasks):
        if not task.cancelled():
            task.result()


async def _guard(rig: Rig, phases: Phases, writing: asyncio.Task[None]) -> None:
    while True:
        if writing.done():
            writing.result()
        rig.check_alive()
        if phases.load is not None:
            phases.load.check_alive()
        await asyncio.sleep(0.25)
