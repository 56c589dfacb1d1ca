"""The probes of a trial, each with what it needs of the parts: begun with the warm-up, ended with the drain."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Mapping, Sequence

from harness.model.observation import Noted
from harness.parts.postgres_reserved import Reserved
from harness.parts.stub import Stub
from harness.probes import (
    PROBES,
    DatabaseProbe,
    LogProbe,
    MachineProbe,
    PathSpec,
    PathsProbe,
    PinnedProbes,
    Probe,
    Watch,
    read_session_limits,
    take_stack,
)
from harness.probes.watch import Emit
from harness.rig import Rig
from harness.stagehand import Prepared
from harness.system.clock import Clock


class Watching:
    """Probes at work. `stacks` are being taken of workers that were found stuck."""

    def __init__(self, rig: Rig, clock: Clock, emit: Emit) -> None:
        self._rig, self._clock, self._emit = rig, clock, emit
        self._probes: list[asyncio.Task[None]] = []
        self.stacks: list[asyncio.Task[None]] = []

    async def begin(self, watch: Watch, prepared: Prepared, reserved: Mapping[str, Reserved]) -> None:
        for name, database in prepared.databases.items():
            server = self._rig.postgres[name]
            await read_session_limits(watch, name, server.address, database, server.mark)
        probes: list[Probe] = [make(watch) for make in PROBES]
        probes.append(PinnedProbes(watch, on_stuck=self._take_stack))
        probes.append(MachineProbe(watch, self._rig.control.address, os.getppid()))
        probes.append(LogProbe(watch, prepared.server.note))
        probes += [self._database_probe(watch, name, connection) for name, connection in reserved.items()]
        probes.append(PathsProbe(watch, self._paths()))
        self._probes = [asyncio.create_task(probe.run()) for probe in probes]

    async def end(self) -> None:
        for task in self._probes:
            task.cancel()
        for result in await asyncio.gather(*self._probes, return_exceptions=True):
            if isinstance(result, Exception):
                now_ns = self._clock.now_ns()
                self._emit(Noted("probe-ended", f"{type(result).__name__}: {result}", {}, now_ns, now_ns))
        self._probes = []

    def _database_probe(self, watch: Watch, name: str, reserved: Reserved) -> DatabaseProbe:
        cluster = self._rig.postgres[name].cluster
        return DatabaseProbe(watch, name, reserved, kept=reserved.kept, log=cluster.log if cluster else None)

    def _paths(self) -> Sequence[PathSpec]:
        paths = []
        for name, link in self._rig.links.items():
            stub = self._rig.stubs.get(name)
            counter = None if stub is None else _counter(stub)
            paths.append(PathSpec(name, link.proxy.listen.port, link.proxy.upstream.port, counter))
        return paths

    def _take_stack(self, pid: int) -> None:
        async def take() -> None:
            self._emit(await take_stack(self._clock, pid))

        self.stacks.append(asyncio.create_task(take()))


def _counter(stub: Stub) -> Callable[[], Awaitable[int]]:
    async def total() -> int:
        return (await stub.counts()).total

    return total
