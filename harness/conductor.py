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
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Protocol, TypeVar

from harness.backends.process import ProcessDeployment
from harness.deployment import Stopped
from harness.errors import HarnessError, MachineError
from harness.faults import spec_of
from harness.faults.fault import Actor, Stage
from harness.load.profile import Segment
from harness.load.rows_file import read_rows
from harness.loading import Load, make_profile
from harness.model.observation import (
    BootEnded,
    FaultChanged,
    KeysStored,
    Noted,
    Observation,
    OrphansScanned,
    PhaseBegan,
    PhaseName,
    ServerStopped,
    TrialEnded,
)
from harness.model.rows import Outcome
from harness.model.scenario import FaultUse
from harness.model.trial import PlannedTrial, Trial
from harness.parts.toxic import Toxic
from harness.probes import (
    PROBES,
    DatabaseProbe,
    InFlight,
    LogProbe,
    MachineProbe,
    PathSpec,
    PathsProbe,
    PinnedProbes,
    Probe,
    Watch,
    answer_by_each_worker,
    open_in_flight,
    take_stack,
)
from harness.probes.inflight import FIRST_KEY
from harness.record import TrialWriter
from harness.rig import Rig
from harness.stagehand import Prepared, Stagehand
from harness.system.clock import Clock
from harness.system.proc import command_of
from harness.trial_state import TrialState

T = TypeVar("T")

BOOT_S = 30.0
WARMUP_S = 3.0
WARMUP_CAP_S = 10.0
RECOVERY_MIN_S = 5.0
DRAIN_OPEN_S = 3.0
ACCEPTED_S = 0.35
IN_FLIGHT_PER_WORKER = 2
_SPARE_S = 60.0


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
        self._probes: list[asyncio.Task[None]] = []
        self._stacks: list[asyncio.Task[None]] = []
        self._proofs: list[asyncio.Task[None]] = []
        self._load: Load | None = None

    def emit(self, observation: Observation) -> None:
        self._queue.put_nowait(observation)

    async def run(self) -> None:
        """All phases; whatever ends them, the record says so in its last line."""
        pen = asyncio.create_task(self._write())
        reason, why = "complete", ""
        try:
            await self._beside(self._phases(), self._watch_parts())
        except asyncio.CancelledError:
            reason, why = "interrupted", "the run was interrupted"
            raise
        except HarnessError as error:
            reason, why = "error", str(error)
            raise
        finally:
            await self._close()
            now_ns = self.clock.now_ns()
            ended = TrialEnded("complete", why, now_ns, now_ns)
            if reason == "interrupted":
                ended = TrialEnded("interrupted", why, now_ns, now_ns)
            elif reason == "error":
                ended = TrialEnded("error", why, now_ns, now_ns)
            self.emit(ended)
            await self._queue.join()
            pen.cancel()
            await asyncio.gather(pen, return_exceptions=True)

    async def _write(self) -> None:
        while True:
            observation = await self._queue.get()
            self.state.see(observation)
            self.writer.write(observation)
            self.listener.seen(observation)
            self._queue.task_done()

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

    async def _watch_parts(self) -> None:
        while True:
            self.rig.check_alive()
            if self._load is not None:
                self._load.check_alive()
            await asyncio.sleep(0.25)

    # ── the phases

    async def _phases(self) -> None:
        deployment = await self._boot()
        if deployment is None:
            return
        stage = self.hand.stage(deployment, self.prepared)
        uses = self.trial.scenario.faults
        ends_server = any(spec_of(use).ends_server for use in uses)
        await self._warm_up(deployment)
        self._phase("baseline", self.trial.scenario.baseline_s)
        await asyncio.sleep(self.trial.scenario.baseline_s)
        if uses and not ends_server:
            await self._break(stage)
            await self._recover()
        await self._drain(deployment, stage, ends_server)
        self._phase("end", 0.0)

    async def _boot(self) -> ProcessDeployment | None:
        """Start the server and the load driver; None when the service did not come up."""
        self._phase("boot", 3.0)
        sent_ns = self.clock.now_ns()
        deployment = self.hand.start_server(self.prepared, self.clock, self.writer.folder / "server.log")
        launching = asyncio.create_task(Load.launch(self.rig.spawner, self.writer.folder, self.clock, self.emit))
        try:
            why = await self._until_up(deployment)
        finally:
            self._load = await launching
        tail = "" if not why else deployment.log_tail()
        self.emit(BootEnded(not why, why, tail, sent_ns, self.clock.now_ns()))
        return deployment if not why else None

    async def _until_up(self, deployment: ProcessDeployment) -> str:
        """Wait until every worker has answered and readiness is up; the reason why not, or nothing."""
        wanted, end = self.trial.workers, time.monotonic() + BOOT_S
        answering = asyncio.create_task(answer_by_each_worker(deployment, self.trial.live, wanted, BOOT_S))
        try:
            while not answering.done():
                if deployment.exit_code is not None:
                    return f"The server ended with exit code {deployment.exit_code} before it answered."
                await asyncio.sleep(0.05)
            answered = answering.result()
        finally:
            answering.cancel()
        if len(answered) < wanted:
            return f"{len(answered)} of {wanted} workers answered {self.trial.live} within {BOOT_S:g} s."
        if not deployment.is_ours():
            return f"What listens on port {deployment.address.port} is not the server that was started."
        left_s = max(end - time.monotonic(), 5.0)
        ready = await answer_by_each_worker(deployment, self.trial.ready, wanted, left_s)
        if len(ready) < wanted:
            return f"{len(ready)} of {wanted} workers said ready on {self.trial.ready} although nothing is broken."
        return ""

    async def _warm_up(self, deployment: ProcessDeployment) -> None:
        """Probes and load on, until the figures are steady."""
        scenario = self.trial.scenario
        self._phase("warmup", WARMUP_S)
        self._start_probes(deployment)
        load = self._need_load()
        length = WARMUP_CAP_S + scenario.baseline_s + scenario.faults_end_s + scenario.recovery_s + _SPARE_S
        segments = (Segment.steady(length, self.trial.rate_rps),)
        where, connections = deployment.ingress, self.rig.target.load.connections
        await load.prepare(make_profile(self.trial, where, segments, connections), self.writer.samples)
        await load.start()
        await asyncio.sleep(WARMUP_S)
        await self._until(self.state.is_steady, WARMUP_CAP_S - WARMUP_S)

    async def _break(self, stage: Stage) -> None:
        """Apply, prove and lift each fault at its time. Lifts happen whatever else does."""
        uses = self.trial.scenario.faults
        self._phase("fault", self.trial.scenario.faults_end_s)
        actors = [(use, spec_of(use).build(use, stage)) for use in uses]
        await asyncio.gather(*(self._one_fault(use, actor) for use, actor in actors))

    async def _one_fault(self, use: FaultUse, actor: Actor) -> None:
        await asyncio.sleep(use.at_s)
        began = time.monotonic()
        await self._apply(use, actor)
        proof = asyncio.create_task(self._prove(use, actor))
        try:
            end_s = use.for_s if use.for_s is not None else self.trial.scenario.faults_end_s - use.at_s
            await asyncio.sleep(max(0.0, end_s - (time.monotonic() - began)))
            await proof
        finally:
            proof.cancel()
            sent_ns = self.clock.now_ns()
            evidence = await actor.lift()
            self.emit(FaultChanged(use.id, "lift", True, "", evidence, sent_ns, self.clock.now_ns()))

    async def _apply(self, use: FaultUse, actor: Actor) -> None:
        sent_ns = self.clock.now_ns()
        evidence = await actor.apply()
        self.emit(FaultChanged(use.id, "apply", True, "", evidence, sent_ns, self.clock.now_ns()))

    async def _prove(self, use: FaultUse, actor: Actor) -> None:
        await asyncio.sleep(0.2)
        sent_ns = self.clock.now_ns()
        proof = await actor.prove()
        self.emit(FaultChanged(use.id, "prove", proof.ok, proof.why, proof.evidence, sent_ns, self.clock.now_ns()))

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
        if not under_load:
            await self._need_load().stop(DRAIN_OPEN_S)
        inflight, slowed = await self._hold_requests(deployment, stage)
        await asyncio.sleep(ACCEPTED_S)
        await self._stop_probes()
        stopped = await self._stop_server(deployment, stage, inflight, under_load)
        for link in slowed:
            await self.rig.toxiproxy.heal(stage.links[link].proxy)
        if under_load:
            await self._need_load().stop(0.5)
        await self._scan_orphans(deployment, stopped.done_ns)
        await deployment.kill()
        await self._read_ledger()

    async def _hold_requests(self, deployment: ProcessDeployment, stage: Stage) -> tuple[InFlight, list[str]]:
        """Requests that are in the server's hand when SIGTERM comes; a part is slowed where no line has a body."""
        if deployment.master() < 0:
            return InFlight(self._watch(deployment), []), []
        slowed: list[str] = []
        if not any(line.body for line in self.trial.requests):
            needed = [name for line in self.trial.requests for name in line.needs if name in stage.links]
            slowed = needed[:1]
        for name in slowed:
            delay = {"latency": 1000, "jitter": 0}
            await self.rig.toxiproxy.add(stage.links[name].proxy, Toxic("held", "latency", "downstream", delay))
        count = IN_FLIGHT_PER_WORKER * self.trial.workers
        held = await open_in_flight(
            self._watch(deployment),
            self.trial.requests,
            count,
            itertools.count(FIRST_KEY),
            slowed=slowed[0] if slowed else None,
        )
        return held, slowed

    async def _stop_server(
        self, deployment: ProcessDeployment, stage: Stage, inflight: InFlight, by_fault: bool
    ) -> Stopped:
        graceful_s = self.prepared.resolution.settings.graceful_s
        grace_s = (graceful_s if graceful_s is not None else 30.0) + self.trial.limits.grace_slack_s + 1.0
        alive = deployment.master() >= 0
        sent_ns = self.clock.now_ns()
        if by_fault:
            for use in self.trial.scenario.faults:
                actor = spec_of(use).build(use, stage)
                await self._apply(use, actor)
                self._proofs.append(asyncio.create_task(self._prove(use, actor)))
            ending = asyncio.create_task(deployment.wait(grace_s, sent_ns))
        else:
            ending = asyncio.create_task(deployment.stop(grace_s))
        await asyncio.sleep(0.3 if alive else 0.0)
        await inflight.finish()
        stopped = await ending
        await asyncio.gather(*self._proofs)
        by = "drain" if alive else "itself"
        self.emit(
            ServerStopped(
                "drain" if by == "drain" else "itself",
                stopped.exit_code,
                stopped.killed,
                grace_s,
                stopped.sent_ns,
                stopped.done_ns,
            )
        )
        return stopped

    async def _scan_orphans(self, deployment: ProcessDeployment, ended_ns: int) -> None:
        end = time.monotonic() + self.trial.limits.orphan_s
        while (left := deployment.leftovers()) and time.monotonic() < end:
            await asyncio.sleep(0.1)
        commands = tuple(command_of(pid)[:200] for pid in left)
        self.emit(OrphansScanned(tuple(left), commands, ended_ns, self.clock.now_ns()))

    async def _read_ledger(self) -> None:
        """Which keys are stored: asked until all acknowledged ones are there or the settle time is over."""
        ledger = self.rig.target.ledger
        reserved = next(iter(self.hand.reserved.values()), None)
        if ledger is None or reserved is None:
            return
        acknowledged = self._acknowledged()
        end = time.monotonic() + ledger.settle_s
        while True:
            sent_ns = self.clock.now_ns()
            found = await reserved.keys(ledger.keys)
            counts = _count_keys(found, self.trial.key_prefix)
            if acknowledged <= counts.keys() or time.monotonic() >= end:
                break
            await asyncio.sleep(0.2)
        self.emit(KeysStored(tuple(sorted(counts.items())), len(found), sent_ns, self.clock.now_ns()))

    def _acknowledged(self) -> set[int]:
        if not self.writer.samples.exists():
            return set()
        rows = read_rows(self.writer.samples)
        stores = [index for index, line in enumerate(self.trial.requests) if line.stores]
        good = rows[rows["code"] == Outcome.OK]
        return {int(k) for index in stores for k in good["k"][good["endpoint"] == index]}

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

    def _watch(self, deployment: ProcessDeployment) -> Watch:
        return Watch(self.clock, self.emit, deployment, self.trial)

    def _start_probes(self, deployment: ProcessDeployment) -> None:
        watch = self._watch(deployment)
        note = self.prepared.server.note

        def noted(line: str) -> tuple[str, int] | None:
            found = note(line)
            return None if found is None else (found.what, found.pid)

        probes: list[Probe] = [make(watch) for make in PROBES]
        probes.append(PinnedProbes(watch, on_stuck=self._take_stack))
        probes.append(MachineProbe(watch, self.rig.control.address))
        probes.append(LogProbe(watch, noted))
        probes += [DatabaseProbe(watch, name, reserved) for name, reserved in self.hand.reserved.items()]
        probes.append(PathsProbe(watch, self._paths()))
        self._probes = [asyncio.create_task(probe.run()) for probe in probes]

    def _paths(self) -> Sequence[PathSpec]:
        paths = []
        for name, link in self.rig.links.items():
            stub = self.rig.stubs.get(name)
            counter = None if stub is None else _counter(stub.counts)
            paths.append(PathSpec(name, link.proxy.listen.port, link.proxy.upstream.port, counter))
        return paths

    def _take_stack(self, pid: int) -> None:
        async def take() -> None:
            self.emit(await take_stack(self.clock, pid))

        self._stacks.append(asyncio.create_task(take()))

    async def _stop_probes(self) -> None:
        for task in self._probes:
            task.cancel()
        for result in await asyncio.gather(*self._probes, return_exceptions=True):
            if isinstance(result, Exception):
                now_ns = self.clock.now_ns()
                self.emit(Noted("probe-ended", f"{type(result).__name__}: {result}", {}, now_ns, now_ns))
        self._probes = []

    async def _close(self) -> None:
        for task in [*self._proofs, *self._stacks]:
            if not task.done() and task in self._proofs:
                task.cancel()
        await self._stop_probes()
        await asyncio.gather(*self._proofs, *self._stacks, return_exceptions=True)
        if self._load is not None:
            await self._load.close()


def _counter(counts: Callable[[], Awaitable[object]]) -> Callable[[], Awaitable[int]]:
    async def total() -> int:
        return int(getattr(await counts(), "total"))  # noqa: B009

    return total


def _count_keys(found: Sequence[str], prefix: str) -> dict[int, int]:
    """Stored keys of this trial: number and count."""
    counts: dict[int, int] = {}
    for key in found:
        number = key.removeprefix(f"{prefix}-")
        if number != key and number.isdigit():
            counts[int(number)] = counts.get(int(number), 0) + 1
    return counts


def samples_of(folder: Path) -> Path:
    return folder / "samples.rows"
