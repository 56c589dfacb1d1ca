"""py-spy, and what it reads of another process from outside: who holds the interpreter's lock.

It only reads memory here, so that it also reads a process of which another traces a thread. Imports nothing but the
standard library: a helper of ours uses it too.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

NOBODY = -1
NOT_THERE = "py-spy is not installed beside the harness, nor on PATH"
_ANSWER_S = 3.0


def find_py_spy() -> str | None:
    """Beside our own interpreter, else on PATH."""
    beside = Path(sys.executable).with_name("py-spy")
    return str(beside) if os.access(beside, os.X_OK) else shutil.which("py-spy")


def lock_holder(pid: int) -> int:
    """The kernel's number of the thread that holds the lock, NOBODY where none does. OSError with the reason if untold.

    It is true for as long as that thread stands: of one that runs it may be another by now.
    """
    program = find_py_spy()
    if program is None:
        raise FileNotFoundError(NOT_THERE)
    command = [program, "dump", "--pid", str(pid), "--json", "--nonblocking"]
    try:
        ended = subprocess.run(command, capture_output=True, text=True, timeout=_ANSWER_S, check=False)
        threads = json.loads(ended.stdout) if ended.returncode == 0 else None
    except (subprocess.TimeoutExpired, ValueError) as error:
        raise OSError(f"py-spy could not read process {pid}: {error}") from error
    if not isinstance(threads, list):
        raise OSError(f"py-spy could not read process {pid}: {ended.stderr.strip()[-200:]}")
    return next((_number(thread, pid) for thread in threads if thread.get("owns_gil")), NOBODY)


def _number(thread: dict[str, object], pid: int) -> int:
    """Interpreters before 3.11 do not tell it; the main thread has that of its process."""
    number = thread.get("os_thread_id")
    if isinstance(number, int):
        return number
    return pid if thread.get("thread_name") == "MainThread" else NOBODY
