"""A database on a small disk of its own, so that the disk can be full without filling anybody else's.

    the folder of the run ─▶ a tmpfs ─┬─ data     a tablespace: all tables and indexes of the database
                                      └─ filler   what takes the rest of it, while it is full

The log of the server (WAL) lies elsewhere: PostgreSQL ends itself when that is full, while a full disk of the tables is
an error of each write that needs another page.
"""

from __future__ import annotations

import contextlib
import errno
import os
from dataclasses import dataclass
from io import FileIO
from pathlib import Path

from harness.errors import MachineError
from harness.ledger import Ledger
from harness.parts.postgres import Database, Postgres
from harness.system.mounts import mount_tmpfs, unmount
from harness.system.process import Owner

_SPARE_BYTES = 24 * 1024 * 1024
_PIECES = (65_536, 4_096)
_SIZE = "SELECT pg_database_size($1)"


@dataclass(slots=True)
class SmallDisk:
    """`path` is where it is mounted; `tablespace` is the name that PostgreSQL has for it."""

    path: Path
    tablespace: str
    ledger: Ledger
    entry: int

    @property
    def left_bytes(self) -> int:
        """How much may still be written to it."""
        there = os.statvfs(self.path)
        return there.f_bavail * there.f_frsize

    def fill(self) -> int:
        """Take all that is left; how much that was."""
        taken = 0
        with (self.path / "filler").open("ab", buffering=0) as file:
            for piece in _PIECES:
                while (written := _write(file, piece)) > 0:
                    taken += written
        return taken

    def free(self) -> None:
        (self.path / "filler").unlink(missing_ok=True)

    def remove(self) -> None:
        """Unmount it, with what is on it."""
        unmount(self.path)
        with contextlib.suppress(OSError):
            self.path.rmdir()
        if not os.path.ismount(self.path):
            self.ledger.ended(self.entry)


def _write(file: FileIO, size: int) -> int:
    """How much of it the disk took; 0 when it is full."""
    try:
        return file.write(b"\0" * size)
    except OSError as error:
        if error.errno == errno.ENOSPC:
            return 0
        raise


async def clone_on_small_disk(server: Postgres, label: str, folder: Path, ledger: Ledger) -> tuple[Database, SmallDisk]:
    """A fresh copy of the template as for any trial, but on a disk that has room for little more."""
    owner = Owner.nobody()
    admin = await server.admin("postgres", ours=True)
    try:
        size = int(await admin.fetchval(_SIZE, server.template_name))
    finally:
        await admin.close(timeout=2)
    path = folder / f"{server.name}-{label}-disk"
    path.mkdir(mode=0o711)
    entry = ledger.intend("mount", server.name, path=str(path))
    try:
        mount_tmpfs(path, size + _SPARE_BYTES, uid=owner.uid, gid=owner.gid)
    except OSError as error:
        ledger.ended(entry)
        raise MachineError(f"No small disk can be mounted at {path}: {error.strerror}.") from error
    data = path / "data"
    data.mkdir(mode=0o700)
    os.chown(data, owner.uid, owner.gid)
    disk = SmallDisk(path, "", ledger, entry)
    try:
        disk.tablespace = await server.make_tablespace(label, data)
        return await server.clone(label, tablespace=disk.tablespace), disk
    except BaseException:
        disk.remove()
        raise
