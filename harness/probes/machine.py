"""Was the machine fit to judge? Our own loop's lag, a trivial server beside the app, stolen time, CPU pressure, and
what processes that are none of ours use.

Neighbours on the machine make healthy apps look ill (T34). The lag is the worst lateness of a 40 ms ticker, so that a
stall between two samples is seen too; the control is asked over one connection that stays open.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from harness.deployment import Address
from harness.model.observation import MachineSampled
from harness.probes.http import Answer, Connection, connect, get_request
from harness.probes.ticks import GRID_S, on_grid, ticks
from harness.probes.watch import Watch
from harness.system.proc import tree_times

SAMPLE_S = 0.25
TICK_S = 2 * GRID_S  # a stall is seen to within 40 ms; ticks of 20 ms cost half a percent of a core more
CONTROL_TIMEOUT_S = 1.0
_TICKS = os.sysconf("SC_CLK_TCK")


class LoopLag:
    """Worst lateness of a ticker on this loop since it was last asked; it ticks on the grid of all beats."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._worst_s = 0.0
        self._due_s = on_grid(self._loop.time() + TICK_S)
        self._handle = self._loop.call_at(self._due_s, self._tick)

    def take_ms(self) -> float:
        """The worst since the last call; a tick that is overdue now counts too."""
        worst_s = max(self._worst_s, self._loop.time() - self._due_s)
        self._worst_s = 0.0
        return 1000 * worst_s

    def stop(self) -> None:
        self._handle.cancel()

    def _tick(self) -> None:
        now_s = self._loop.time()
        self._worst_s = max(self._worst_s, now_s - self._due_s)
        self._due_s = on_grid(now_s + TICK_S - GRID_S / 2)
        self._handle = self._loop.call_at(self._due_s, self._tick)


class Control:
    """The answer time of a trivial server of ours; −1 when it did not answer in a second."""

    def __init__(self, watch: Watch, address: Address) -> None:
        self._clock, self._address = watch.clock, address
        self._request = get_request(address, "/")
        self._connection: Connection | None = None

    async def ask_ms(self) -> float:
        sent_ns = self._clock.now_ns()
        if self._connection is None or not self._connection.open:
            opened = await connect(self._address, self._clock, CONTROL_TIMEOUT_S)
            if isinstance(opened, Answer):
                return -1.0
            self._connection = opened
        answer = await self._connection.ask(self._request, CONTROL_TIMEOUT_S)
        if not answer.reusable:
            self.close()
        return (answer.done_ns - sent_ns) / 1e6 if answer.outcome == "answered" else -1.0

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


@dataclass(frozen=True, slots=True)
class CpuTimes:
    """Counters since boot: all, busy and stolen CPU time in ticks, the time some task waited for a CPU and the seconds
    that the processes of the run have used (−1: unknown); and what each of these has waited for a CPU."""

    total: int
    busy: int
    stolen: int
    waited_us: int
    own_s: float
    at_s: float
    own_waited_s: Mapping[int, float] = field(default_factory=dict)

    @classmethod
    def read(cls, root: int) -> CpuTimes:
        """`root` is the process below which all of the run's are."""
        words = _first_line("/proc/stat").split()[1:9]  # guest time is a part of user time
        ticks_of, own = [int(word) for word in words], tree_times(root)
        pressure = _first_line("/proc/pressure/cpu").rpartition("total=")[2]
        return cls(
            total=sum(ticks_of),
            busy=sum(ticks_of[:3]) + sum(ticks_of[5:7]),
            stolen=ticks_of[7] if len(ticks_of) > 7 else 0,
            waited_us=int(pressure) if pressure.isdigit() else -1,
            own_s=own.cpu_s,
            at_s=time.monotonic(),
            own_waited_s=own.waited_s,
        )

    def steal_share(self, before: CpuTimes) -> float:
        total = self.total - before.total
        return max(0.0, (self.stolen - before.stolen) / total) if total > 0 else 0.0

    def foreign_share(self, before: CpuTimes) -> float:
        """−1 where it is not known."""
        total = self.total - before.total
        if total <= 0 or min(self.own_s, before.own_s) < 0:
            return -1.0
        foreign_ticks = self.busy - before.busy - (self.own_s - before.own_s) * _TICKS
        return min(1.0, max(0.0, foreign_ticks / total))

    def busy_share(self, before: CpuTimes) -> float:
        """What was stolen was not ours to use either. −1 where it is not known."""
        total = self.total - before.total
        if total <= 0:
            return -1.0
        return min(1.0, max(0.0, (self.busy + self.stolen - before.busy - before.stolen) / total))

    def waited_cpus(self, before: CpuTimes) -> float:
        """How many processes of the run waited for a CPU, on average; −1 where the kernel does not tell."""
        both = self.own_waited_s.keys() & before.own_waited_s.keys()
        if not both or self.at_s <= before.at_s:
            return -1.0
        waited_s = sum(self.own_waited_s[pid] - before.own_waited_s[pid] for pid in both)
        return max(0.0, waited_s / (self.at_s - before.at_s))

    def pressure_share(self, before: CpuTimes) -> float:
        """0 where the kernel does not tell."""
        if self.waited_us < 0 or before.waited_us < 0 or self.at_s <= before.at_s:
            return 0.0
        return min(1.0, (self.waited_us - before.waited_us) / 1e6 / (self.at_s - before.at_s))


def _first_line(path: str) -> str:
    try:
        return Path(path).read_text().partition("\n")[0]
    except OSError:
        return ""


class MachineProbe:
    """Emits MachineSampled at 4 Hz; its stamps are the ends of the interval that it speaks of."""

    def __init__(self, watch: Watch, control: Address, root: int) -> None:
        self._watch, self._address, self._root = watch, control, root

    async def run(self) -> None:
        control = Control(self._watch, self._address)
        lag = LoopLag()
        before, since_ns = CpuTimes.read(self._root), self._watch.clock.now_ns()
        beat = ticks(SAMPLE_S)
        await anext(beat)
        try:
            async for _ in beat:
                control_ms = await control.ask_ms()
                now, now_ns = CpuTimes.read(self._root), self._watch.clock.now_ns()
                self._watch.emit(
                    MachineSampled(
                        loop_lag_ms=lag.take_ms(),
                        control_ms=control_ms,
                        steal_share=now.steal_share(before),
                        cpu_pressure_share=now.pressure_share(before),
                        harness_cpu_s=time.process_time(),
                        sent_ns=since_ns,
                        done_ns=now_ns,
                        foreign_cpu_share=round(now.foreign_share(before), 3),
                        busy_share=round(now.busy_share(before), 3),
                        waited_cpus=round(now.waited_cpus(before), 3),
                    )
                )
                before, since_ns = now, now_ns
        finally:
            lag.stop()
            control.close()
