"""Which regular files a process holds open for writing, from /proc."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from stat import S_ISREG


@dataclass(frozen=True, slots=True)
class OpenFile:
    """`appends`: opened so that each write goes to the end, as loggers open their files."""

    pid: int
    path: str
    appends: bool


def written_files(pids: Iterable[int]) -> list[OpenFile]:
    """Files with a name only: what was deleted is nobody's to read."""
    return [found for pid in pids for fd in _fds(pid) if (found := _look(pid, fd)) is not None]


def _fds(pid: int) -> list[str]:
    try:
        return os.listdir(f"/proc/{pid}/fd")
    except OSError:
        return []


def _look(pid: int, fd: str) -> OpenFile | None:
    try:
        path = os.readlink(f"/proc/{pid}/fd/{fd}")
        regular = S_ISREG(os.stat(f"/proc/{pid}/fd/{fd}").st_mode)
        told = Path(f"/proc/{pid}/fdinfo/{fd}").read_text()
    except OSError:
        return None
    if not regular or not path.startswith("/") or path.endswith(" (deleted)"):
        return None
    flags = next((int(line.split()[1], 8) for line in told.splitlines() if line.startswith("flags:")), 0)
    if flags & os.O_ACCMODE == os.O_RDONLY:
        return None
    return OpenFile(pid, path, bool(flags & os.O_APPEND))
