"""What a silent worker is doing: its stack, read from outside by py-spy while it is stuck.

py-spy stops the process for the moment of reading. One that is stopped already (SIGSTOP) is read as it is, for nobody
would let the stop end. Should py-spy itself have to be ended, the worker is set going again.
"""

from __future__ import annotations

import asyncio
import os
from signal import SIGCONT

from harness.model.observation import StackTaken
from harness.system.clock import Clock
from harness.system.proc import Stat, is_same, read_stat
from harness.system.py_spy import NOT_THERE, find_py_spy

DEADLINE_S = 3.0
TEXT_CHARS = 6000


async def take_stack(clock: Clock, pid: int, deadline_s: float = DEADLINE_S) -> StackTaken:
    """The dump of all threads, or the reason why there is none. Never raises for the process that it looks at."""
    sent_ns = clock.now_ns()
    ok, text = await _dump(pid, deadline_s)
    return StackTaken(pid, ok, text[:TEXT_CHARS], sent_ns, clock.now_ns())


async def _dump(pid: int, deadline_s: float) -> tuple[bool, str]:
    program = find_py_spy()
    before = read_stat(pid)
    if program is None:
        return False, f"{NOT_THERE}."
    if before is None or not before.alive:
        return False, "The process has ended."
    argv = [program, "dump", "--pid", str(pid), *(["--nonblocking"] if before.state in "Tt" else [])]
    try:
        process = await asyncio.create_subprocess_exec(
            *argv, stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
        )
    except OSError as error:
        return False, f"py-spy could not be started: {error}."
    try:
        async with asyncio.timeout(deadline_s):
            out, err = await process.communicate()
    except TimeoutError:
        return False, f"py-spy did not end in {deadline_s:g} s."
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
            _set_going(before)
    text = out.decode("utf-8", "replace").strip()
    if process.returncode == 0 and text:
        return True, text
    return False, err.decode("utf-8", "replace").strip() or f"py-spy ended with {process.returncode}."


def _set_going(before: Stat) -> None:
    """A process that was running before must not stay stopped because its observer was killed."""
    now = read_stat(before.pid)
    if now is not None and now.state in "Tt" and before.state not in "Tt" and is_same(before.pid, before.start):
        os.kill(before.pid, SIGCONT)
