"""What the operations of a server share: a signal to the supervisor, and its workers seen to change as it says.

The kernel tells which processes the supervisor has now. At the other end connections that those had which left have
ended; where none of these shows it, each new one must answer a connection of ours. A new worker that does not answer is
a finding, and so is whatever else users notice: that is for the checks.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from signal import Signals

from harness.deployment import Deployment
from harness.faults.fault import Evidence, Proof
from harness.faults.turnover import Heard, Turnover

NOTICE_S = 20.0
_LOOK_S = 0.1


@dataclass(slots=True)
class Operation:
    """`more` is how the number of workers changes; `all_new`: none of the old ones may be left.

    `live` is the path that new workers are asked for, `notice_s` how long the whole proof may take.
    """

    deployment: Deployment
    live: str
    signal: Signals
    back: Signals | None = None
    more: int = 0
    all_new: bool = False
    notice_s: float = NOTICE_S
    master: int = -1
    seen: Turnover | None = None

    async def apply(self) -> Evidence:
        self.seen = await Turnover.begin(self.deployment, self.live, leave=self.all_new or self.more < 0)
        self.master = self.deployment.master()
        self.deployment.signal(self.master, self.signal)
        return {"pid": self.master, "workers": len(self.seen.before)}

    async def prove(self) -> Proof:
        """The same supervisor has the workers that it was asked for, and their clients say so, too."""
        if self.seen is None or self.master < 0:
            return Proof(False, f"The supervisor got no {self.signal.name}.")
        end = time.monotonic() + self.notice_s
        while not self._is_done(self.seen) and time.monotonic() < end:
            await asyncio.sleep(_LOOK_S)
        heard = await self.seen.hear(self._new, max(0.0, end - time.monotonic()))
        while self._left_open(self.seen) and time.monotonic() < end:
            await asyncio.sleep(_LOOK_S)
        return self._proof(self.seen, heard)

    def _is_done(self, seen: Turnover) -> bool:
        now = self.deployment.workers()
        if self.deployment.master() != self.master:
            return False
        right = len(now) == len(seen.before) + self.more
        return right and not (self.all_new and set(now) & set(seen.before))

    def _new(self) -> set[int]:
        return set(self.deployment.workers()) - set(self.seen.before if self.seen else ())

    def _left_open(self, seen: Turnover) -> int:
        return seen.of(set(seen.before) - set(self.deployment.workers()))[1]

    def _proof(self, seen: Turnover, heard: Heard) -> Proof:
        """Of those that went one at least must have had a client, but where the app closes each connection itself.

        Then, and where none went, the new ones are the only other end that there is.
        """
        now, new = set(self.deployment.workers()), self._new()
        gone = set(seen.before) - now
        had, still = seen.of(gone)
        answered = "somebody" if heard.by_anybody else f"{len(heard.pids & new)} of the new ones"
        why = f"{self.signal.name} to the supervisor (pid {self.master}): {len(now - new)} workers are left"
        why += f", {len(new)} are new; {answered} answered us" if new else ", none is new"
        why += f"; of {had} connections to the {len(gone)} that went {still} are open." if gone else "; none went."
        evidence: Evidence = {
            "pid": self.master,
            "left": len(now - new),
            "new": len(new),
            "answered": len(heard.pids & new),
            "clients": had,
            "connected": still,
        }
        came = had > 0 or heard.by_anybody or new <= heard.pids
        went = not still and (had > 0 or not gone or seen.unkept)
        return Proof(self._is_done(seen) and came and went, why, evidence)

    async def lift(self) -> Evidence:
        """The number of workers as it was: asked for once, and only of the same supervisor."""
        if self.seen is not None:
            self.seen.close()
        if self.back is None or self.master < 0 or self.deployment.master() != self.master:
            return {}
        self.deployment.signal(self.master, self.back)
        back, self.back = self.back, None
        return {"pid": self.master, "signal": back.name}
