"""Our side of `hold_threads`: threads of a process are held for as long as the helper lives, and no longer.

The helper is a child in the ledger with the harness's death signal, and it has a lease: a thread that stood for ever
after a run would be worse than any fault.
"""

from __future__ import annotations

import asyncio
import subprocess
from dataclasses import dataclass
from typing import Literal

from harness.system import helper
from harness.system.pipes import PipedChild
from harness.system.process import Spawner

What = Literal["loop", "pool", "gil"]

_PROGRAM = "hold_threads"
WAIT_S = 8.0
"""How long a loop may be busy before it is met in its wait, or idle before it is met at work."""
_ANSWER_S = 5.0
_END_S = 5.0


def why_not_trace() -> str:
    """Why this machine does not let one process of ours stop a thread of another; empty where it does."""
    command, env = helper.command(_PROGRAM, "may"), helper.environment()
    try:
        tried = subprocess.run(command, capture_output=True, text=True, timeout=_ANSWER_S, check=False, env=env)
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"it could not be tried ({error})"
    said = tried.stdout.strip()
    if said == "may":
        return ""
    why = said.removeprefix("failed ") or tried.stderr.strip()[-200:]
    return (
        f"the kernel does not let a worker be traced ({why}); the capability SYS_PTRACE allows it, and so does"
        " kernel.yama.ptrace_scope = 0 for processes of the same user"
    )


@dataclass(slots=True)
class HeldThreads:
    """Threads that stand, those of the beginning. They go on by `release`, by the lease, and when the harness ends."""

    child: PipedChild
    tids: tuple[int, ...] = ()

    @classmethod
    async def hold(
        cls, spawner: Spawner, what: What, pid: int, *, lease_s: float, wait_s: float = WAIT_S
    ) -> HeldThreads | str:
        """The thread of the event loop, once it waits for events; the idle ones of its pools; the one that holds the
        interpreter's lock. Or why they do not stand.
        """
        held = cls(await helper.start(spawner, _PROGRAM, what, str(pid), f"{lease_s:g}", f"{wait_s:g}"))
        try:
            said = await held._hear(wait_s + _ANSWER_S)
        except BaseException:
            await held.release()
            raise
        word, _, rest = said.partition(" ")
        if word != "held":
            await held.release()
            return rest or "the helper ended"
        held.tids = tuple(int(tid) for tid in rest.split())
        return held

    async def _hear(self, timeout_s: float) -> str:
        assert self.child.stdout is not None
        try:
            async with asyncio.timeout(timeout_s):
                return (await self.child.stdout.readline()).decode().strip()
        except TimeoutError:
            return ""

    @property
    def holds(self) -> bool:
        """Does the helper still live? Without it the threads go on."""
        return self.child.process.alive

    async def release(self) -> bool:
        """They go on; returns whether they stood until now. Twice is as good as once."""
        stood = self.holds
        stdin, self.child.stdin = self.child.stdin, None
        if stdin is not None:
            stdin.close()
        if await self.child.process.wait(_END_S) is None:
            await self.child.process.end(first=9)
        return stood
