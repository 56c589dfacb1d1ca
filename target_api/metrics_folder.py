"""The folder where the workers keep their metrics: made by Gunicorn's master, private, and gone with it.

A lock tells which folders are in use. A master that was killed leaves its folder behind, and the next one removes it.
The lock is inherited by the workers, so that it holds for as long as any of them lives.
"""

import contextlib
import fcntl
import os
import shutil
import tempfile
import time
from pathlib import Path

PREFIX = "target-api-metrics-"
YOUNG_S = 60  # between its making and its lock a folder looks abandoned


def make_folder(parent: str | None) -> Path:
    folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=parent))
    remove_abandoned(folder.parent)
    fcntl.flock(os.open(folder, os.O_RDONLY), fcntl.LOCK_SH)  # held until the last process that has it ends
    return folder


def remove_abandoned(parent: Path) -> None:
    for folder in parent.glob(f"{PREFIX}*"):
        with contextlib.suppress(OSError):
            status = folder.stat()
            if status.st_uid == os.geteuid() and time.time() - status.st_mtime > YOUNG_S:
                remove_if_unused(folder)


def remove_if_unused(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        shutil.rmtree(folder)
    finally:
        os.close(descriptor)
