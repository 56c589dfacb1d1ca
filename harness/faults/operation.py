"""What the operations of a server share: a signal to the supervisor, and its workers seen to change as it says.

The kernel tells which processes the supervisor has now. Whether a new one answers, and whether users notice, is for the
checks.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from signal import Signals

from harness.deployment import Deployment
from harness.faults.fault import Evidence, Proof

NOTICE_S = 20.0
_LOOK_S = 0.1


@dataclass(slots=True)
class Operation:
    """`more` is how the number of workers changes; `all_new`: none of the old ones may be left."""

    deployment: Deployment
    signal: Signals
    back: Signals | None = None
    more: int = 0
    all_new: bool = False
    master: int = -1
    before: Sequence[int] = field(default_factory=tuple)

    async def apply(self) -> Evidence:
        self.before = tuple(self.deployment.workers())
        self.master = self.deployment.master()
        self.deployment.signal(self.master, self.signal)
        return {"pid": self.master, "workers": len(self.before)}

    async def prove(self) -> Proof:
        """The supervisor has the workers that it was asked for, and is still the same process."""
        end = time.monotonic() + NOTICE_S
        while not self._is_done() and time.monotonic() < end:
            await asyncio.sleep(_LOOK_S)
        now = self.deployment.workers()
        left, new = len(set(now) & set(self.before)), len(set(now) - set(self.before))
        why = f"{self.signal.name} to the supervisor (pid {self.master}): {left} workers are left, {new} are new."
        return Proof(self._is_done(), why, {"pid": self.master, "left": left, "new": new})

    def _is_done(self) -> bool:
        now = self.deployment.workers()
        if self.master < 0 or self.deployment.master() != self.master:
            return False
        right = len(now) == len(self.before) + self.more
        return right and not (self.all_new and set(now) & set(self.before))

    async def lift(self) -> Evidence:
        """The number of workers as it was: asked for once, and only of the same supervisor."""
        if self.back is None or self.master < 0 or self.deployment.master() != self.master:
            return {}
        self.deployment.signal(self.master, self.back)
        back, self.back = self.back, None
        return {"pid": self.master, "signal": back.name}
