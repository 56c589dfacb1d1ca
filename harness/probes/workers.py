"""Each worker asked over connections of its own: the only proof that this one is stuck and not another (T21, T29).

For every worker one keep-alive connection for liveness and one for readiness. Nobody can choose the worker that takes a
connection, so they are opened until each worker has one of each; what is left over is closed. A worker that is blocked
or frozen takes none: that is no error, and its old ones stay and wait.

    missing ──opened, asked, owner found──▶ pinned ──answered──▶ pinned
       ▲                                      │
       └──────── end of file, reset, 60 s without an answer ◀──┘
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from harness.model.observation import Noted, PinEnded, ProbeAnswered, WorkerPinned
from harness.probes.http import Answer, Connection, get_request
from harness.probes.owners import Owned, ask_owner
from harness.probes.roster import Roster
from harness.probes.ticks import ticks
from harness.probes.watch import Watch
from harness.system.proc import read_stat

LISTEN_S = 60.0
TRIES_PER_WORKER = 6
_ROUND_S = 0.25
_NOTHING_MISSING_S = 0.5
_SLOWEST_ROUND_S = 1.0
_HOPELESS_ROUND_S = 5.0
_HOPELESS_TRIES = 12
_GONE_S = 1.0

Kind = Literal["live", "ready"]
Pin = tuple[int, Kind]


@dataclass(slots=True)
class _Effort:
    """How hard we try to pin: slower while nothing comes of it, hardly at all where it is not possible."""

    pinned_any: bool = False
    unpinnable: int = 0
    pause_s: float = _ROUND_S
    noted: bool = False

    @property
    def hopeless(self) -> bool:
        return not self.pinned_any and self.unpinnable >= _HOPELESS_TRIES

    def after_round(self, progress: bool) -> None:
        """`progress`: a connection was pinned."""
        if self.hopeless:
            self.pause_s = _HOPELESS_ROUND_S
        else:
            self.pause_s = _ROUND_S if progress else min(2 * self.pause_s, _SLOWEST_ROUND_S)


class PinnedProbes:
    """Probes of all workers. `on_stuck` is called with the pid once for each time that a worker is silent on its
    liveness connection for `limits.stuck_s`, as long as it lasts."""

    def __init__(
        self,
        watch: Watch,
        *,
        live_hz: float = 2.0,
        ready_hz: float = 1.0,
        on_stuck: Callable[[int], None] | None = None,
    ) -> None:
        self._watch = watch
        self._period_s: dict[Kind, float] = {"live": 1 / live_hz, "ready": 1 / ready_hz}
        self._path: dict[Kind, str] = {"live": watch.trial.live, "ready": watch.trial.ready}
        self._timeout_s: dict[Kind, float] = {
            "live": watch.trial.live_probe.timeout_s,
            "ready": watch.trial.ready_probe.timeout_s,
        }
        self._on_stuck = on_stuck
        self._roster = Roster(watch.deployment)
        self._pins: dict[Pin, asyncio.Task[None]] = {}
        self._stuck: set[int] = set()
        self._gone_ns: dict[int, int] = {}
        self._pin_ended = asyncio.Event()
        self._effort = _Effort()

    async def run(self) -> None:
        known: tuple[int, ...] = ()
        try:
            while True:
                self._pin_ended.clear()
                _, pids = self._roster.now()
                self._drop_gone(pids)
                if pids != known:
                    known, self._effort.pause_s = pids, _ROUND_S
                missing = self._missing(pids)
                if missing:
                    self._effort.after_round(await self._open_for(missing, pids))
                pause_s = self._effort.pause_s if missing else _NOTHING_MISSING_S
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._pin_ended.wait(), pause_s)
        finally:
            for task in tuple(self._pins.values()):
                task.cancel()
            await asyncio.gather(*self._pins.values(), return_exceptions=True)

    def _drop_gone(self, pids: tuple[int, ...]) -> None:
        """Connections of a dead worker end by themselves, unless a child of its own holds them: those are cut."""
        self._stuck &= set(pids)
        now_ns = self._watch.clock.now_ns()
        gone = {pid for pid, _ in self._pins} - set(pids)
        self._gone_ns = {pid: self._gone_ns.get(pid, now_ns) for pid in gone}
        for pin, task in tuple(self._pins.items()):
            if now_ns - self._gone_ns.get(pin[0], now_ns) > _GONE_S * 1e9:
                task.cancel()
                self._watch.emit(PinEnded(pin[0], "the worker is gone", now_ns, now_ns))

    def _missing(self, pids: tuple[int, ...]) -> set[Pin]:
        """What is not pinned yet, frozen workers left out: they accept nothing."""
        kinds: tuple[Kind, ...] = ("live", "ready")
        wanted = {(pid, kind) for pid in pids for kind in kinds} - self._pins.keys()
        if not wanted:
            return wanted
        stats = {pid: read_stat(pid) for pid in pids}
        frozen = {pid for pid, stat in stats.items() if stat is not None and stat.state in "Tt"}
        return {pin for pin in wanted if pin[0] not in frozen}

    async def _open_for(self, missing: set[Pin], pids: tuple[int, ...]) -> bool:
        """One bounded round of opening connections; was one of them of use?"""
        progress = False
        for _ in range(1 if self._effort.hopeless else TRIES_PER_WORKER * len(pids)):
            if not missing:
                break
            found = await ask_owner(self._watch.deployment, self._watch.trial.live, self._watch.clock, pids)
            if isinstance(found, Answer):
                break  # nobody answers now: no more in this round
            pin = _first(missing, found.pid)
            if self._unpinnable(found) or pin is None:
                found.connection.close()
                continue
            missing.discard(pin)
            self._begin(pin, found)
            progress = True
        return progress

    def _unpinnable(self, found: Owned) -> bool:
        """Whether the connection cannot be tied to a worker; said once where that is so from the beginning."""
        if found.pid > 0 and found.answer.reusable:
            return False
        self._effort.unpinnable += 1
        if self._effort.hopeless and not self._effort.noted:
            self._effort.noted = True
            ended = not (found.answer.reusable and found.connection.open)
            why = "the server ends the connection after each answer" if ended else "no worker process holds it"
            now_ns = self._watch.clock.now_ns()
            self._watch.emit(Noted("cannot-pin", f"No connection can be tied to a worker: {why}.", {}, now_ns, now_ns))
        return True

    def _begin(self, pin: Pin, found: Owned) -> None:
        pid, kind = pin
        answer = found.answer
        self._effort.pinned_any = True
        self._watch.emit(WorkerPinned(pid, answer.sent_ns, self._watch.clock.now_ns()))
        if kind == "live":  # the question that found the owner was a liveness probe, and the worker answered it
            self._record(pin, answer)
        task = asyncio.create_task(self._serve(pin, found.connection))
        self._pins[pin] = task
        task.add_done_callback(lambda _: self._unpin(pin))

    def _unpin(self, pin: Pin) -> None:
        self._pins.pop(pin, None)
        self._pin_ended.set()

    async def _serve(self, pin: Pin, connection: Connection) -> None:
        """Ask at a steady rate until the connection ends."""
        pid, kind = pin
        request = get_request(self._watch.deployment.address, self._path[kind])
        why = ""
        try:
            beat = ticks(self._period_s[kind])
            if kind == "live":
                await anext(beat)  # asked just now
            async for _ in beat:
                if not connection.open:
                    why = f"while idle: {connection.ended}"
                    break
                answer = await self._ask(pin, connection, request)
                if answer is None or not answer.reusable:
                    why = self._why_ended(answer)
                    break
        finally:
            connection.close()
        now_ns = self._watch.clock.now_ns()
        self._watch.emit(PinEnded(pid, why, now_ns, now_ns))

    async def _ask(self, pin: Pin, connection: Connection, request: bytes) -> Answer | None:
        """One probe; None when nothing came in 60 s."""
        loop = asyncio.get_running_loop()
        waiting = connection.send(request)
        alarm = None
        if pin[1] == "live":
            alarm = loop.call_later(self._watch.trial.limits.stuck_s, self._is_stuck, pin[0])
        given_up = loop.call_later(LISTEN_S, connection.give_up)
        try:
            answer = await waiting
        except asyncio.CancelledError:
            self._record_cut(pin, connection.sent_ns)
            raise
        finally:
            given_up.cancel()
            if alarm is not None:
                alarm.cancel()
        self._record(pin, answer)
        return None if answer.outcome == "timeout" else answer

    def _is_stuck(self, pid: int) -> None:
        if pid not in self._stuck:
            self._stuck.add(pid)
            if self._on_stuck is not None:
                self._on_stuck(pid)

    def _record(self, pin: Pin, answer: Answer) -> None:
        pid, kind = pin
        if kind == "live" and answer.outcome == "answered":
            self._stuck.discard(pid)
        self._watch.emit(
            ProbeAnswered(kind, "pinned", pid, answer.outcome, answer.status, answer.sent_ns, answer.done_ns)
        )

    def _record_cut(self, pin: Pin, sent_ns: int) -> None:
        """Watching ends while a probe is open: a silence counts only if it was longer than the probe's timeout."""
        now_ns = self._watch.clock.now_ns()
        if now_ns - sent_ns >= self._timeout_s[pin[1]] * 1e9:
            self._record(pin, Answer("timeout", -1, sent_ns, now_ns))

    def _why_ended(self, answer: Answer | None) -> str:
        if answer is None:
            return f"no answer in {LISTEN_S:g} s"
        return "the server ended it with its answer" if answer.outcome == "answered" else answer.why


def _first(missing: set[Pin], pid: int) -> Pin | None:
    """Liveness before readiness."""
    kinds: tuple[Kind, ...] = ("live", "ready")
    return next(((pid, kind) for kind in kinds if (pid, kind) in missing), None)
