"""A reload with code that cannot be imported: SIGHUP to the supervisor, whose new workers fail before they serve (F29).

A deployment that is wrong must not take down what still runs. What does not outlive it is started again at the lift, as
an init system would do it, with code that is whole.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from signal import SIGHUP

from harness.deployment import Deployment
from harness.errors import UsageError
from harness.faults.fault import Actor, Boot, Evidence, FaultSpec, Proof, Stage
from harness.faults.reloading import Hook
from harness.faults.repeating import Repeating
from harness.faults.restart import start
from harness.model.scenario import FaultUse
from harness.system.proc import children, is_same

_NOTICE_S = 20.0
_LOOK_S = 0.02


@dataclass(slots=True)
class ReloadBroken:
    """`known` is how much the hook had written before, `before` which children the supervisor had, `came` those that
    the kernel has listed since.
    """

    deployment: Deployment
    boot: Boot
    hook: Hook
    pid: int = -1
    known: int = 0
    before: frozenset[tuple[int, int]] = frozenset()
    came: set[tuple[int, int]] = field(default_factory=set)
    _looking: Repeating | None = None

    async def apply(self) -> Evidence:
        pid, workers = self.deployment.master(), len(self.deployment.workers())
        self.known, self.before = len(self.hook.acts()), _children_of(pid)
        self.hook.tell("raise")
        self.deployment.signal(pid, SIGHUP)
        self.pid, self._looking = pid, Repeating(self._look)
        await self._looking.start()
        return {"pid": pid, "workers": workers}

    async def _look(self) -> float:
        self.came |= _children_of(self.pid) - self.before
        return _LOOK_S

    async def prove(self) -> Proof:
        """A new process of the server failed to import the app: it says so itself. The kernel has listed it among the
        supervisor's new children, or the supervisor has ended with it. Whether it stays, as one that serves an error
        page does, is told and is for the checks.
        """
        if self.pid < 0:
            return Proof(False, "The supervisor was never asked to reload.")
        end = time.monotonic() + _NOTICE_S
        while not self._is_shown() and time.monotonic() < end:
            await asyncio.sleep(_LOOK_S)
        failed, seen, ended = len(self._failed()), self._seen(), self._has_ended()
        went = sum(not is_same(pid, start) for pid, start in seen)
        why = (
            f"{failed} new workers said that they could not import the app; the kernel saw {len(seen)} of them come and"
            f" {went} go, and the supervisor (pid {self.pid}) {'has ended' if ended else 'is still there'}."
        )
        evidence: Evidence = {"failed": failed, "came": len(seen), "went": went, "ended": ended}
        return Proof(self._is_shown(), why, evidence)

    def _is_shown(self) -> bool:
        return bool(self._failed()) and (bool(self._seen()) or self._has_ended())

    def _failed(self) -> set[int]:
        return self.hook.done("raise", self.known)

    def _seen(self) -> set[tuple[int, int]]:
        failed = self._failed()
        return {(pid, start) for pid, start in self.came if pid in failed}

    def _has_ended(self) -> bool:
        return self.deployment.master() != self.pid

    async def lift(self) -> Evidence:
        self.hook.forget()
        if self._looking is not None:
            await self._looking.stop()
        if self.pid < 0:
            return {}
        if self.deployment.master() >= 0:
            return {"ended": False, "workers": len(self.deployment.workers())}
        return {"ended": True, **await start(self.deployment, self.boot, ready=True)}


def _children_of(pid: int) -> frozenset[tuple[int, int]]:
    return frozenset((stat.pid, stat.start) for stat in children(pid))


def _build(use: FaultUse, stage: Stage) -> Actor:
    if stage.hook is None:
        raise UsageError(f"{use.id} needs a server that was started for it.")
    return ReloadBroken(stage.deployment, stage.boot, stage.hook)


FAULT = FaultSpec(
    name="reload-broken",
    on="server",
    does="SIGHUP to the supervisor, whose new workers cannot import the app; what has ended is started at the lift",
    build=_build,
    owns="supervisor",
)
