"""Who the workers are now, asked several times a second at little cost.

The deployment knows which processes are workers, but it may have to read all of /proc to say so. The kernel lists the
children of the supervisor in one small file: while the same ones are alive there, the last answer is still true.
"""

from __future__ import annotations

import time
from pathlib import Path

from harness.deployment import Deployment
from harness.system.proc import read_stat

_LEAST_TRUST_S, _MOST_TRUST_S = 0.25, 30.0


class Roster:
    """A cache of `Deployment.workers` that is never older than a change among the supervisor's children.

    A child may turn out to be a worker or a helper a little after its birth, so the deployment is asked again soon
    after a change, and ever more seldom.
    """

    def __init__(self, deployment: Deployment) -> None:
        self._deployment = deployment
        self._seen: tuple[int, tuple[int, ...]] | None = None
        self._workers: tuple[int, ...] = ()
        self._asked_s = self._changed_s = 0.0

    def now(self) -> tuple[int, tuple[int, ...]]:
        """The supervisor (−1: gone) and the living workers, oldest first."""
        master = self._deployment.master()
        children = _living_children(master)
        seen = None if children is None else (master, children)
        now_s = time.monotonic()
        trust_s = min(max(_LEAST_TRUST_S, self._asked_s - self._changed_s), _MOST_TRUST_S)
        if seen is None or seen != self._seen or now_s - self._asked_s > trust_s:
            self._workers = tuple(self._deployment.workers())
            self._changed_s = now_s if seen != self._seen else self._changed_s
            self._seen, self._asked_s = seen, now_s
        return master, self._workers


def _living_children(pid: int) -> tuple[int, ...] | None:
    """Children forked by the process's main thread; None where the kernel does not tell."""
    if pid <= 0:
        return None
    try:
        words = Path(f"/proc/{pid}/task/{pid}/children").read_bytes().split()
    except OSError:
        return None
    stats = (read_stat(int(word)) for word in words)
    return tuple(stat.pid for stat in stats if stat is not None and stat.alive)
