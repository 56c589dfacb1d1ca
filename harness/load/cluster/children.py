"""Children of a driver: they speak over pipes, stay in its session, and end with it."""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import harness.system.launch as launch

Child = subprocess.Popen[bytes]

_KEEP_USER = ("-1", "-1")


def start_child(argv: Sequence[str], death_signal: int, *, pipes: bool) -> Child:
    """Must come from the main thread: the kernel sends the signal at the death of the thread that forked."""
    umask = os.umask(0o077)
    os.umask(umask)
    command = [sys.executable, "-I", "-S", str(Path(launch.__file__))]
    command += [str(os.getpid()), str(int(death_signal)), *_KEEP_USER, str(umask), "--", *argv]
    pipe = subprocess.PIPE if pipes else subprocess.DEVNULL
    return subprocess.Popen(command, stdin=pipe, stdout=pipe, close_fds=True)
