"""A small disk of our own: a tmpfs of a given size, mounted and unmounted by the kernel's own calls. Needs root."""

from __future__ import annotations

import ctypes
import os
import tempfile
from pathlib import Path

_DETACH = 2  # MNT_DETACH: gone from the tree at once, whoever still holds a file on it
_NO_EXEC = 2 | 4 | 8  # MS_NOSUID, MS_NODEV, MS_NOEXEC
_LIBC = ctypes.CDLL(None, use_errno=True)


def mount_tmpfs(path: Path, size_bytes: int, *, uid: int, gid: int) -> None:
    """An empty disk at a folder that is there; OSError where the kernel does not allow it."""
    options = f"size={size_bytes},mode=0711,uid={uid},gid={gid}".encode()
    if _LIBC.mount(b"shakedown", os.fsencode(path), b"tmpfs", _NO_EXEC, options) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), str(path))


def unmount(path: Path) -> None:
    """Where nothing is mounted, nothing happens."""
    _LIBC.umount2(os.fsencode(path), _DETACH)


def why_not_mount() -> str:
    """Why this machine lets us mount no disk of our own; empty where it does. Tried, on a folder of its own."""
    if os.geteuid() != 0:
        return "a small disk has to be mounted for it, which only root may do"
    with tempfile.TemporaryDirectory(prefix="shakedown-mount-") as folder:
        try:
            mount_tmpfs(Path(folder), 65_536, uid=0, gid=0)
        except OSError as error:
            return f"a small disk has to be mounted for it, and the kernel does not allow it ({error.strerror})"
        unmount(Path(folder))
    return ""
