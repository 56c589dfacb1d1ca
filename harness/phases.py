"""What happens in a trial, in its order.

    boot ─▶ warmup ─▶ baseline ─▶ fault ────────────▶ recovery ─▶ drain ─▶ end
                                  apply prove … lift
            load ─────────────────────────────────────────────▶│ in flight, SIGTERM, the end, orphans, stored keys
            probes ────────────────────────────────────────────────────▶│

A scenario whose fault ends the server goes from the baseline straight to the drain, under load. Phases after the lift
end early when the answer is known; limits are deadlines.
"""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Callable
from functools import partial

from harness import timeline
from harness.backends.process import ProcessDeployment
from harness.booting import until_up
from harness.breaking import Breaking
from harness.deployment import Stopped
from harness.ending import HeldRequests, end_server, knock, read_ledger, scan_orphans
from harness.errors import MachineError
from harness.faults.fault import Stage
from harness.loading import Load, trial_profile
from harness.model.observation import BootEnded, PhaseBegan, PhaseName
from harness.model.request import RequestLine
from harness.model.trial import Trial
from harness.probes import Watch
from harness.probes.inflight import FIRST_KEY
from harness.probes.watch import Emit
from harness.record import TrialWriter
from harness.stagehand import Prepared, Stagehand
from harness.system.clock import Clock
from harness.trial_state import TrialState
from harness.watching import Watching

RECOVERY_MIN_S = 5.0
OPEN_S = 3.0
_LAST_WORDS = 60  # lines: a supervisor's own traceback may come after the one that tells the mistake


class Phases:
    """One trial. The methods are its phases, in their order; `tell` hears of each, and how long it may take."""

    def __init__(
        self,
        hand: Stagehand,
        prepared: Prepared,
        trial: Trial,
        writer: TrialWriter,
        state: TrialState,
        emit: Emit,
        tell: Callable[[PhaseName, float], None],
    ) -> None:
        self._rig, self._hand, self._prepared, self._trial = hand.rig, hand, prepared, trial
        self._folder, self._samples = writer.folder, writer.samples
        self._state, self._emit, self._tell = state, emit, tell
        self.clock = Clock.start()
        self._watching = Watching(hand.rig, self.clock, emit)
        self._breaking = Breaking(trial, self.clock, emit)
        self.load: Load | None = None

    async def run(self) -> None:
        deployment = await self._boot()
        if deployment is None:
            return
        uses = self._trial.scenario.faults
        ends_server = timeline.ends_server(self._trial.scenario)
        watch = Watch(self.clock, self._emit, deployment, self._trial)
        lines = await self._warm_up(deployment, watch)
        boot = partial(self._boot_again, deployment)
        stage = self._hand.stage(deployment, self._prepared, lines, self._trial.rate_rps, boot, self._folder)
        hold = partial(HeldRequests, watch, stage, lines, itertools.count(FIRST_KEY))
        await self._baseline()
        if uses and not ends_server:
            self._phase("fault", self._trial.scenario.faults_end_s)
            await self._breaking.all_faults(stage, hold)
            await self._recover()
        await self._drain(deployment, stage, watch, hold(), ends_server)
        self._phase("end", 0.0)

    async def _boot(self) -> ProcessDeployment | None:
        """Start the server and the load driver; None when the service did not come up."""
        self._phase("boot", timeline.BOOT_S)
        sent_ns = self.clock.now_ns()
        deployment = self._hand.start_server(self._prepared, self.clock, self._folder / "server.log")
        launching = asyncio.create_task(Load.launch(self._rig, self._folder, self.clock, self._emit, self._trial.flow))
        try:
            why = await until_up(deployment, self._trial.live, self._trial.ready, self._trial.workers)
        finally:
            self.load = await launching
        self._tell_boot(deployment, why, sent_ns)
        return deployment if not why else None

    async def _boot_again(self, deployment: ProcessDeployment, ready: bool) -> str:
        """Start a server that a fault has ended; the reason why it is not up, or nothing."""
        if (task := asyncio.current_task()) is not None and task.cancelling():
            return "The run was interrupted."
        sent_ns = self.clock.now_ns()
        deployment.start_again()
        why = await until_up(deployment, self._trial.live, self._trial.ready if ready else None, self._trial.workers)
        self._tell_boot(deployment, why, sent_ns)
        return why

    def _tell_boot(self, deployment: ProcessDeployment, why: str, sent_ns: int) -> None:
        tail = deployment.log_tail(_LAST_WORDS) if why else ""
        self._emit(BootEnded(not why, why, tail, sent_ns, self.clock.now_ns()))

    async def _warm_up(self, deployment: ProcessDeployment, watch: Watch) -> tuple[RequestLine, ...]:
        """Probes and load on, until the figures are steady; the request lines as they are sent."""
        self._phase("warmup", timeline.WARMUP_S)
        lines = await self._hand.lines(deployment)
        await self._watching.begin(watch, self._prepared, self._hand.reserved)
        load = self._need_load()
        profile = trial_profile(self._trial, self._rig.target.load, self._hand.varied, deployment.ingress)
        await load.prepare(profile, self._samples)
        await load.start()
        await asyncio.sleep(timeline.WARMUP_S)
        if self._trial.scenario.settles:
            await _until(self._state.is_steady, timeline.WARMUP_CAP_S - timeline.WARMUP_S)
        return lines

    async def _baseline(self) -> None:
        """Its whole length; a staircase ends where nothing above can hold."""
        scenario = self._trial.scenario
        self._phase("baseline", scenario.baseline_s)
        if scenario.climbs:
            await _until(self._state.is_overwhelmed, scenario.baseline_s)
        else:
            await asyncio.sleep(scenario.baseline_s)

    async def _recover(self) -> None:
        scenario = self._trial.scenario
        self._phase("recovery", scenario.recovery_s)
        lift_ns = self.clock.now_ns()
        least_s = min(RECOVERY_MIN_S, scenario.recovery_s)
        await asyncio.sleep(least_s)
        await _until(lambda: self._state.has_recovered(lift_ns, self.clock.now_ns()), scenario.recovery_s - least_s)

    async def _drain(
        self, deployment: ProcessDeployment, stage: Stage, watch: Watch, held: HeldRequests, under_load: bool
    ) -> None:
        """SIGTERM with requests in flight, the end, what is left, what is stored."""
        self._phase("drain", timeline.DRAIN_S)
        load, grace_s = self._need_load(), self._trial.grace_s
        if not under_load:
            await load.stop(OPEN_S)
        await held.open()
        await self._watching.end()
        ending = await self._ask_to_end(deployment, stage, under_load, grace_s)
        knocking = asyncio.create_task(knock(watch, self._trial.limits.drain_delay_s if under_load else 0.0))
        try:
            stopped = await end_server(watch, deployment, held, ending, grace_s)
        finally:
            knocking.cancel()
            await asyncio.gather(knocking, return_exceptions=True)
        await held.release()
        if under_load:
            await load.stop(0.5)
        await scan_orphans(watch, deployment, stopped.done_ns)
        await deployment.kill()
        await asyncio.gather(*self._breaking.proofs)
        await self._breaking.mend()
        reserved = next(iter(self._hand.reserved.values()), None)
        if self._rig.target.ledger is not None and reserved is not None:
            await read_ledger(watch, self._rig.target.ledger, reserved, self._samples)

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

    def _phase(self, phase: PhaseName, length_s: float) -> None:
        now_ns = self.clock.now_ns()
        self._emit(PhaseBegan(phase, now_ns, now_ns))
        self._tell(phase, length_s)

    def _need_load(self) -> Load:
        if self.load is None:
            raise MachineError("The load was not started.")
        return self.load

    async def close(self) -> None:
        """End what is still at work, and lift what is still broken."""
        for task in self._breaking.proofs:
            task.cancel()
        await self._watching.end()
        await asyncio.gather(*self._breaking.proofs, *self._watching.stacks, return_exceptions=True)
        await self._breaking.mend()
        if self.load is not None:
            await self.load.close()


async def _until(known: Callable[[], bool], limit_s: float) -> None:
    end = time.monotonic() + limit_s
    while not known() and time.monotonic() < end:
        await asyncio.sleep(0.1)
