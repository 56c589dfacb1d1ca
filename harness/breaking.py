"""The faults of a trial: each applied, proved and lifted at its time, and written down.

    at_s ─▶ apply ─┬─▶ a moment ─▶ prove ─┐
                   └─▶ for_s ─────────────┴─▶ lift        whatever comes between, the lift is tried

What an apply takes is not taken off the fault's length, and a proof that has begun is heard to its end. So one may come
later than planned, and whoever needs the same thing after it waits.
Where one of them ends the server, all begin with the drain, and what can be lifted is when the server has gone.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Literal

from harness import timeline
from harness.deployment import NotThere
from harness.ending import HeldRequests
from harness.faults import spec_of
from harness.faults.fault import Actor, Evidence, Proof, Stage
from harness.model.fault_traits import has_trait
from harness.model.observation import FaultChanged
from harness.model.scenario import FaultUse
from harness.model.trial import Trial
from harness.overlaps import contend
from harness.parts.toxiproxy_calls import Wedged
from harness.probes.watch import Emit
from harness.system.clock import Clock


class Breaking:
    """What is being broken. `proofs` are those under way of faults that no `one_fault` waits for."""

    def __init__(self, trial: Trial, clock: Clock, emit: Emit) -> None:
        self._trial, self._clock, self._emit = trial, clock, emit
        self._left: list[tuple[FaultUse, Actor]] = []
        self.proofs: list[asyncio.Task[None]] = []

    async def all_faults(self, stage: Stage, hold: Callable[[], HeldRequests]) -> None:
        """From the first one's beginning to the last one's lift. `hold` has requests in hand where a server drains."""
        uses = self._trial.scenario.faults
        acts = [(use, self._actor(use, stage), hold() if has_trait(use.id, "drains") else None) for use in uses]
        lifted = [asyncio.Event() for _ in uses]

        async def in_turn(number: int) -> None:
            use, actor, held = acts[number]
            try:
                await self.one_fault(use, actor, held, [lifted[other] for other in self._before(number)])
            finally:
                lifted[number].set()

        await asyncio.gather(*map(in_turn, range(len(uses))))

    def _before(self, number: int) -> list[int]:
        """The faults that begin earlier and own the same thing: they are to be lifted first."""
        uses, kinds = self._trial.scenario.faults, self._trial.part_kinds
        when = [(use.at_s, at) for at, use in enumerate(uses)]
        return [at for at, use in enumerate(uses) if when[at] < when[number] and contend(use, uses[number], kinds)]

    async def one_fault(
        self, use: FaultUse, actor: Actor, held: HeldRequests | None = None, after: Sequence[asyncio.Event] = ()
    ) -> None:
        await asyncio.sleep(use.at_s)
        for lifted in after:
            await lifted.wait()
        proof: asyncio.Task[None] | None = None
        try:
            await self._apply(use, actor, held)  # what was cut off in the middle of it is lifted too
            proof = asyncio.create_task(self._prove(use, actor))
            end_s = use.for_s if use.for_s is not None else self._trial.scenario.faults_end_s - use.at_s
            await asyncio.sleep(end_s)
            await proof
        finally:
            if proof is not None:
                proof.cancel()
            await self._change(use, "lift", _done(actor.lift))

    async def begin_all(self, stage: Stage) -> None:
        """Apply every fault of a scenario that ends the server; that one last, when the others have been seen to bite.

        Its own proof comes by itself; `mend` lifts the others.
        """
        acts = [(use, self._actor(use, stage)) for use in self._trial.scenario.faults]
        beside = [(use, actor) for use, actor in acts if not has_trait(use.id, "final")]
        for use, actor in beside:
            self._left.append((use, actor))
            await self._apply(use, actor)
        await asyncio.gather(*(self._prove(use, actor) for use, actor in beside))
        for use, actor in acts:
            if has_trait(use.id, "final"):
                await self._apply(use, actor)
                self.proofs.append(asyncio.create_task(self._prove(use, actor)))

    async def mend(self) -> None:
        """Lift what was broken beside the end of the server: the ledger is read from a database that is well."""
        while self._left:
            use, actor = self._left.pop()
            await self._change(use, "lift", _done(actor.lift))

    def _actor(self, use: FaultUse, stage: Stage) -> Actor:
        return spec_of(use, self._trial.part_kinds.get(use.what)).build(use, stage)

    async def _apply(self, use: FaultUse, actor: Actor, held: HeldRequests | None = None) -> None:
        apply = partial(self._change, use, "apply", _done(actor.apply))
        await (apply() if held is None else held.across(apply))

    async def _prove(self, use: FaultUse, actor: Actor) -> None:
        await asyncio.sleep(timeline.proved_after_s(use))
        await self._change(use, "prove", actor.prove)

    async def _change(
        self, use: FaultUse, action: Literal["apply", "prove", "lift"], do: Callable[[], Awaitable[Proof]]
    ) -> None:
        """Do it and write it down.

        A proxy that hung answers again, and a process that has gone is the app's doing: that costs this trial its
        worth, and no other.
        """
        sent_ns = self._clock.now_ns()
        try:
            proof = await do()
        except (Wedged, NotThere) as error:
            proof = Proof(False, str(error))
        self._emit(FaultChanged(use.id, action, proof.ok, proof.why, proof.evidence, sent_ns, self._clock.now_ns()))


def _done(act: Callable[[], Awaitable[Evidence]]) -> Callable[[], Awaitable[Proof]]:
    async def do() -> Proof:
        return Proof(True, "", await act())

    return do
