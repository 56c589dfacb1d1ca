"""Our side of `hold_thread.py`: the loop of a process is held for as long as the helper lives, and no longer.

The helper is a child in the ledger with the harness's death signal, and it has a lease: a thread that stood for ever
after a run would be worse than any fault.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from harness.system.pipes import PipedChild
from harness.system.process import Process, Spawner, clean_env

_PROGRAM = str(Path(__file__).with_name("hold_thread.py"))
_COMMAND = (sys.executable, "-I", "-S", _PROGRAM)
WAIT_S = 8.0
"""How long a loop may be busy before it is met in its wait."""
_ANSWER_S = 5.0
_END_S = 5.0


def why_not_trace() -> str:
    """Why this machine does not let one process of ours stop a thread of another; empty where it does."""
    try:
        tried = subprocess.run(_COMMAND, capture_output=True, text=True, timeout=_ANSWER_S, check=False)
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
class HeldThread:
    """A thread that stands. Released by `release`, by its lease, and by the end of the harness, whatever ends it."""

    child: PipedChild
    tid: int

    @classmethod
    async def hold_loop(cls, spawner: Spawner, pid: int, *, lease_s: float, wait_s: float = WAIT_S) -> HeldThread | str:
        """Stop the thread of this process that runs its event loop, once it waits for events; or why it stands not."""
        words = [str(pid), f"{lease_s:g}", f"{wait_s:g}"]
        env, folder = clean_env(), Path("/")
        process: Process = spawner.spawn([*_COMMAND, *words], name="hold-thread", env=env, cwd=folder, pipes=True)
        child = await PipedChild.open(process)
        held = cls(child, -1)
        try:
            said = await held._hear(wait_s + _ANSWER_S)
        except BaseException:
            await held.release()
            raise
        word, _, rest = said.partition(" ")
        if word != "held":
            await held.release()
            return rest or "the helper ended"
        held.tid = int(rest)
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
        """Does the helper still live? Without it the thread goes on."""
        return self.child.process.alive

    async def release(self) -> bool:
        """The thread goes on; returns whether it stood until now. Twice is as good as once."""
        stood = self.holds
        stdin, self.child.stdin = self.child.stdin, None
        if stdin is not None:
            stdin.close()
        if await self.child.process.wait(_END_S) is None:
            await self.child.process.end(first=9)
        return stood
