"""Runs one trial and writes its record. It judges nothing.

    boot ─▶ warmup ─▶ baseline ─▶ fault ────────────▶ recovery ─▶ drain ─▶ end
                                  apply prove … lift
            load ─────────────────────────────────────────────▶│ in flight, SIGTERM, the end, orphans, stored keys
            probes ────────────────────────────────────────────────────▶│

A scenario whose fault ends the server goes from the baseline straight to the drain, under load. Phases after the lift
end early when the answer is known; limits are deadlines. One queue takes all observations, one task writes them.
"""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Literal, Protocol

from harness import timeline
from harness.backends.process import ProcessDeployment
from harness.booting import until_up
from harness.breaking import Breaking
from harness.deployment import Deployment, Stopped
from harness.ending import HeldRequests, end_server, read_ledger, scan_orphans
from harness.errors import HarnessError, MachineError
from harness.faults.fault import Stage
from harness.loading import Load, trial_profile
from harness.model.observation import (
    PROXY_RENEWED,
    BootEnded,
    Noted,
    Observation,
    PhaseBegan,
    PhaseName,
    TrialEnded,
)
from harness.model.trial import PlannedTrial, Trial
from harness.probes import Watch
from harness.probes.inflight import FIRST_KEY
from harness.record import TrialWriter
from harness.rig import Rig
from harness.stagehand import Prepared, Stagehand
from harness.system.clock import Clock
from harness.trial_state import TrialState
from harness.watching import Watching

_LAST_WORDS = 60  # lines: a supervisor's own traceback may come after the one that tells the mistake
RECOVERY_MIN_S = 5.0
OPEN_S = 3.0


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
        conductor = Conductor(rig, hand, prepared, trial, planned, writer, listener)
        await conductor.run()


class Conductor:
    """One trial. The methods are its phases, in their order."""

    def __init__(
        self,
        rig: Rig,
        hand: Stagehand,
        prepared: Prepared,
        trial: Trial,
        planned: PlannedTrial,
        writer: TrialWriter,
        listener: Listener,
    ) -> None:
        self.rig, self.hand, self.prepared, self.trial = rig, hand, prepared, trial
        self.planned, self.writer, self.listener = planned, writer, listener
        self.clock = Clock.start()
        self.state = TrialState(trial, writer.samples)
        self._queue: asyncio.Queue[Observation] = asyncio.Queue()
        self._watching = Watching(rig, self.clock, self.emit)
        self._breaking = Breaking(trial, self.clock, self.emit)
        self._load: Load | None = None
        self._lines = trial.requests
        self._keys = itertools.count(FIRST_KEY)
        self._renewed = len(rig.toxiproxy.renewed)

    def emit(self, observation: Observation) -> None:
        self._queue.put_nowait(observation)

    async def run(self) -> None:
        """All phases; whatever ends them, the record says so in its last line."""
        pen = asyncio.create_task(self._write())
        reason: Literal["complete", "interrupted", "error"] = "error"
        why = "the harness failed"
        try:
            await self._beside(self._phases(), self._watch_parts(pen))
            reason, why = "complete", ""
        except asyncio.CancelledError:
            reason, why = "interrupted", "the run was interrupted"
            raise
        except HarnessError as error:
            why = str(error)
            raise
        finally:
            await self._close()
            now_ns = self.clock.now_ns()
            for why in self.rig.toxiproxy.renewed[self._renewed :]:
                self.emit(Noted(PROXY_RENEWED, why, {}, now_ns, now_ns))
            self.emit(TrialEnded(reason, why, now_ns, now_ns))
            await asyncio.wait([pen])
        pen.result()

    async def _write(self) -> None:
        """Until the trial's last observation is written; raises where the record cannot be."""
        observation: Observation | None = None
        while not isinstance(observation, TrialEnded):
            observation = await self._queue.get()
            self.state.see(observation)
            self.writer.write(observation)
            self.listener.seen(observation)

    async def _beside(self, work: Awaitable[None], guard: Awaitable[None]) -> None:
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

    async def _watch_parts(self, pen: asyncio.Task[None]) -> None:
        while True:
            if pen.done():
                pen.result()
            self.rig.check_alive()
            if self._load is not None:
                self._load.check_alive()
            await asyncio.sleep(0.25)

    # ── the phases

    async def _phases(self) -> None:
        deployment = await self._boot()
        if deployment is None:
            return
        uses = self.trial.scenario.faults
        ends_server = timeline.ends_server(self.trial.scenario)
        await self._warm_up(deployment)
        boot = partial(self._boot_again, deployment)
        stage = self.hand.stage(deployment, self.prepared, self._lines, self.trial.rate_rps, boot, self.writer.folder)
        self._phase("baseline", self.trial.scenario.baseline_s)
        await self._baseline()
        if uses and not ends_server:
            self._phase("fault", self.trial.scenario.faults_end_s)
            hold = partial(HeldRequests, self._watch(deployment), stage, self._lines, self._keys)
            await self._breaking.all_faults(stage, hold)
            await self._recover()
        await self._drain(deployment, stage, ends_server)
        self._phase("end", 0.0)

    async def _boot(self) -> ProcessDeployment | None:
        """Start the server and the load driver; None when the service did not come up."""
        self._phase("boot", 3.0)
        sent_ns = self.clock.now_ns()
        deployment = self.hand.start_server(self.prepared, self.clock, self.writer.folder / "server.log")
        launch = Load.launch(self.rig, self.writer.folder, self.clock, self.emit, self.trial.flow)
        launching = asyncio.create_task(launch)
        try:
            why = await until_up(deployment, self.trial.live, self.trial.ready, self.trial.workers)
        finally:
            self._load = await launching
        tail = "" if not why else deployment.log_tail(_LAST_WORDS)
        self.emit(BootEnded(not why, why, tail, sent_ns, self.clock.now_ns()))
        return deployment if not why else None

    async def _boot_again(self, deployment: ProcessDeployment, ready: bool) -> str:
        """Start a server that a fault has ended; the reason why it is not up, or nothing."""
        if (task := asyncio.current_task()) is not None and task.cancelling():
            return "The run was interrupted."
        sent_ns = self.clock.now_ns()
        deployment.start_again()
        why = await until_up(deployment, self.trial.live, self.trial.ready if ready else None, self.trial.workers)
        tail = deployment.log_tail(_LAST_WORDS) if why else ""
        self.emit(BootEnded(not why, why, tail, sent_ns, self.clock.now_ns()))
        return why

    async def _warm_up(self, deployment: ProcessDeployment) -> None:
        """Probes and load on, until the figures are steady."""
        scenario = self.trial.scenario
        self._phase("warmup", timeline.WARMUP_S)
        self._lines = await self.hand.lines(deployment)
        await self._watching.begin(self._watch(deployment), self.prepared, self.hand.reserved)
        load = self._need_load()
        profile = trial_profile(self.trial, self.rig.target.load, self.hand.varied, deployment.ingress)
        await load.prepare(profile, self.writer.samples)
        await load.start()
        await asyncio.sleep(timeline.WARMUP_S)
        if scenario.settles:
            await self._until(self.state.is_steady, timeline.WARMUP_CAP_S - timeline.WARMUP_S)

    async def _baseline(self) -> None:
        """Its whole length; a staircase ends where nothing above can hold."""
        scenario = self.trial.scenario
        if scenario.climbs:
            await self._until(self.state.is_overwhelmed, scenario.baseline_s)
        else:
            await asyncio.sleep(scenario.baseline_s)

    async def _recover(self) -> None:
        scenario = self.trial.scenario
        self._phase("recovery", scenario.recovery_s)
        lift_ns = self.clock.now_ns()
        least_s = min(RECOVERY_MIN_S, scenario.recovery_s)
        await asyncio.sleep(least_s)
        await self._until(lambda: self.state.has_recovered(lift_ns, self.clock.now_ns()), scenario.recovery_s - least_s)

    async def _drain(self, deployment: ProcessDeployment, stage: Stage, under_load: bool) -> None:
        """SIGTERM with requests in flight, the end, what is left, what is stored."""
        self._phase("drain", 5.0)
        watch, load = self._watch(deployment), self._need_load()
        if not under_load:
            await load.stop(OPEN_S)
        held = HeldRequests(watch, stage, self._lines, self._keys)
        await held.open()
        await self._watching.end()
        grace_s = self.trial.grace_s
        stopped = await end_server(
            watch, deployment, held, await self._ask_to_end(deployment, stage, under_load, grace_s), grace_s
        )
        await held.release()
        if under_load:
            await load.stop(0.5)
        await scan_orphans(watch, deployment, stopped.done_ns)
        await deployment.kill()
        await asyncio.gather(*self._breaking.proofs)
        await self._breaking.mend()
        reserved = next(iter(self.hand.reserved.values()), None)
        if self.rig.target.ledger is not None and reserved is not None:
            await read_ledger(watch, self.rig.target.ledger, reserved, self.writer.samples)

    async def _ask_to_end(
        self, deployment: ProcessDeployment, stage: Stage, by_fault: bool, grace_s: float
    ) -> asyncio.Task[Stopped]:
        """The signal is sent when this returns; the task is its end."""
        if not by_fault:
            ending = asyncio.create_task(deployment.stop(grace_s))
            await asyncio.sleep(0)
            return ending
        sent_ns = self.clock.now_ns()
        await self._breaking.begin_all(stage)
        return asyncio.create_task(deployment.wait(grace_s, sent_ns))

    # ── small helpers

    def _phase(self, phase: PhaseName, length_s: float) -> None:
        now_ns = self.clock.now_ns()
        self.emit(PhaseBegan(phase, now_ns, now_ns))
        self.listener.phase(self.planned, phase, length_s)

    async def _until(self, known: Callable[[], bool], limit_s: float) -> None:
        end = time.monotonic() + limit_s
        while not known() and time.monotonic() < end:
            await asyncio.sleep(0.1)

    def _need_load(self) -> Load:
        if self._load is None:
            raise MachineError("The load was not started.")
        return self._load

    def _watch(self, deployment: Deployment) -> Watch:
        return Watch(self.clock, self.emit, deployment, self.trial)

    async def _close(self) -> None:
        for task in self._breaking.proofs:
            task.cancel()
        await self._watching.end()
        await asyncio.gather(*self._breaking.proofs, *self._watching.stacks, return_exceptions=True)
        await self._breaking.mend()
        if self._load is not None:
            await self._load.close()
