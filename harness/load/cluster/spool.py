"""The rows of an engine on their way to the master: a file without a name, sent on in chunks as it grows.

The engine only writes to a disk and never waits for a network; what the master has not acknowledged is bounded. The
file has no name, so that nothing is left of it, however we end.
"""

from __future__ import annotations

import ctypes
import hashlib
import os
import tempfile
from collections.abc import Callable

from harness.load.cluster.chunk import MAX_ROWS, pack_rows
from harness.model.rows import ROW, Rows, rows_from_bytes

_WINDOW = 8
_HOLE = 0x02 | 0x01  # FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE
_BLOCK = 1 << 20

Ship = Callable[[int, bytes], None]


class Spool:
    """`ship` takes the number of a chunk and its bytes; `see` each chunk's rows."""

    def __init__(self, ship: Ship, see: Callable[[Rows], None]) -> None:
        self._ship, self._see = ship, see
        self._file = tempfile.TemporaryFile(prefix="shakedown-spool-")  # noqa: SIM115  lives as long as we do
        self._read = self._emptied = 0
        self._digest = hashlib.sha256()
        self.chunks = self._acknowledged = 0

    @property
    def path(self) -> str:
        """Where the engine, our child, finds it."""
        return f"/proc/{os.getpid()}/fd/{self._file.fileno()}"

    def acknowledge(self, number: int) -> None:
        self._acknowledged = max(self._acknowledged, number + 1)
        self.send_on()

    @property
    def is_home(self) -> bool:
        """Everything that was written so far is sent and acknowledged."""
        return self._acknowledged == self.chunks and not self._waiting()

    def end(self) -> dict[str, object]:
        """What the master compares with what it has."""
        return {"chunks": self.chunks, "sha256": self._digest.hexdigest()}

    def send_on(self) -> None:
        """Whole rows that are there, as far as the window allows."""
        while self.chunks - self._acknowledged < _WINDOW and (whole := min(self._waiting(), MAX_ROWS)):
            data = os.pread(self._file.fileno(), whole * ROW.itemsize, self._read)
            rows = rows_from_bytes(data)
            self._read += len(data)
            self._digest.update(data)
            self._see(rows)
            self._ship(self.chunks, pack_rows(rows))
            self.chunks += 1
        self._give_back()

    def _waiting(self) -> int:
        return (os.fstat(self._file.fileno()).st_size - self._read) // ROW.itemsize

    def _give_back(self) -> None:
        """The disk space of what was read, so that a long load needs no more than a short one."""
        until = self._read - self._read % _BLOCK
        if until > self._emptied:
            libc = ctypes.CDLL(None, use_errno=True)
            begin, length = ctypes.c_long(self._emptied), ctypes.c_long(until - self._emptied)
            libc.fallocate(self._file.fileno(), _HOLE, begin, length)
            self._emptied = until
