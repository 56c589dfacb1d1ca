"""The load of a trial: its profile, and the driver as a child of ours whose sums become observations."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

from harness.booting import BOOT_S
from harness.deployment import Address
from harness.errors import MachineError
from harness.load.client import FLOW_DRIVER, LoadDriver, driver_environment
from harness.load.messages import Done, LoadSum, Note
from harness.load.profile import Profile, Segment
from harness.load.shape import segments_of
from harness.model.fault_traits import has_trait
from harness.model.load_shape import STEADY, LoadShape, Replayed
from harness.model.observation import LoadEnded, LoadLines, LoadStarted, LoadSummed, Noted
from harness.model.target import FlowSpec, LoadSpec, RequestLine
from harness.model.trial import Trial
from harness.probes.watch import Emit
from harness.rig import Rig
from harness.system.clock import Clock
from harness.system.pipes import PipedChild
from harness.timeline import WARMUP_CAP_S, ends_server

SPARE_S = 15.0
_LEAD_NS = 150_000_000


def schedule_s(trial: Trial) -> float:
    """How long the load can be needed: every phase at its longest, and what a server takes to end or to be back."""
    scenario = trial.scenario
    length_s = WARMUP_CAP_S + scenario.baseline_s + scenario.faults_end_s + scenario.recovery_s + SPARE_S
    if ends_server(scenario):
        length_s += trial.grace_s
    return length_s + sum(trial.grace_s + BOOT_S for use in scenario.faults if has_trait(use.id, "returns"))


def trial_profile(trial: Trial, spec: LoadSpec, lines: tuple[RequestLine, ...], where: Address) -> Profile:
    """The load of a whole trial; `lines` as they are sent."""
    segments = segments_of(trial.shape, trial.rate_rps, schedule_s(trial))
    return make_profile(trial, lines, where, segments, spec.connections, trial.shape, spec.values, spec.pre_connect)


def make_profile(
    trial: Trial,
    lines: tuple[RequestLine, ...],
    where: Address,
    segments: tuple[Segment, ...],
    connections: int,
    shape: LoadShape = STEADY,
    values: str = "",
    pre_connect: bool = False,
) -> Profile:
    """The load of a trial against its ingress; `lines` are its requests with their token filled in."""
    return Profile(
        host=where.host,
        port=where.port,
        segments=segments,
        requests=lines,
        seed=trial.seed,
        timeout_s=trial.timeout_s,
        queue_timeout_s=trial.timeout_s,
        connections=connections,
        key_prefix=trial.key_prefix,
        arrivals="uniform" if isinstance(shape, Replayed) else shape.arrivals,
        replay=shape.file if isinstance(shape, Replayed) else "",
        values=values,
        preconnect=pre_connect,
    )


class Load:
    """One load from launch to done. `start` sets the schedule's zero a moment ahead."""

    def __init__(self, driver: LoadDriver, clock: Clock, emit: Emit, flow: FlowSpec | None) -> None:
        self._driver, self._clock, self._emit, self._flow = driver, clock, emit, flow
        self._listener: asyncio.Task[None] | None = None
        self._arrivals = self._lines_told = 0
        self._ended = False
        driver.on_note = self._note

    @classmethod
    async def launch(cls, rig: Rig, folder: Path, clock: Clock, emit: Emit, flow: FlowSpec | None = None) -> Load:
        """Start the driver's processes; they take a second or two to load Locust. A flow has a driver of its own."""

        async def spawn(argv: Sequence[str]) -> PipedChild:
            env, log, cpus = driver_environment(), folder / "load.log", rig.generator_cpus
            process = rig.spawner.spawn(argv, name="load", env=env, cwd=folder, log=log, pipes=True, cpus=cpus)
            return await PipedChild.open(process)

        driver = await LoadDriver.launch(spawn, rig.generator.command() if flow is None else FLOW_DRIVER)
        return cls(driver, clock, emit, flow)

    async def prepare(self, profile: Profile, rows: Path) -> None:
        self._arrivals = (await self._driver.prepare(profile, rows, flow=self._flow)).arrivals

    async def start(self) -> None:
        zero_ns = self._clock.now_ns() + _LEAD_NS
        await self._driver.start(self._clock.absolute_ns(zero_ns), self._clock.origin_ns)
        self._emit(LoadStarted(self._arrivals, zero_ns, zero_ns))
        self._listener = asyncio.create_task(self._listen())

    async def _listen(self) -> None:
        async for total in self._driver.sums():
            self._tell_lines()
            self._emit(_summed(total))

    def _tell_lines(self) -> None:
        """Those that nobody was told of yet."""
        fresh = tuple(self._driver.lines[self._lines_told :])
        if fresh:
            now_ns = self._clock.now_ns()
            self._emit(LoadLines(self._lines_told, fresh, now_ns, now_ns))
            self._lines_told += len(fresh)

    def _note(self, note: Note) -> None:
        at_ns = note.at_ns - self._clock.origin_ns
        self._emit(Noted(note.what, note.text, note.detail, at_ns, at_ns))

    def check_alive(self) -> None:
        """Raise what ended the driver, if anything has."""
        if self._listener is not None and self._listener.done() and not self._ended:
            self._listener.result()
            raise MachineError("The load ended before the trial did: its schedule was too short.")

    async def stop(self, drain_s: float) -> Done:
        """Send nothing new, wait for what is open, and write down how it ended."""
        self._ended = True
        sent_ns = self._clock.now_ns()
        done = await self._driver.stop(drain_s)
        self._tell_lines()
        self._emit(LoadEnded(True, done.reason, done.due, sent_ns, self._clock.now_ns()))
        return done

    async def close(self) -> None:
        self._ended = True
        await self._driver.close()
        if self._listener is not None:
            self._listener.cancel()
            await asyncio.gather(self._listener, return_exceptions=True)


def _summed(total: LoadSum) -> LoadSummed:
    def ms(value: int | None) -> float:
        return -1.0 if value is None else round(value / 1e6, 3)

    return LoadSummed(
        sent=total.sent,
        answered=total.answered,
        failed=total.failed,
        timed_out=total.timed_out,
        unfinished=total.unfinished,
        not_sent=total.not_sent,
        p50_ms=ms(total.p50_ns),
        p99_ms=ms(total.p99_ns),
        send_lag_p99_ms=ms(total.lag_p99_ns),
        cpu_s=total.cpu_s,
        sent_ns=total.at_ns,
        done_ns=total.at_ns,
        loop_lag_ms=ms(total.hub_lag_max_ns),
        waiting=total.waiting,
    )
