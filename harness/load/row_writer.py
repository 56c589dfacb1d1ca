"""Appends rows to their file. What was handed over is whole on disk after the next flush, a few times a second."""

import os

from harness.model.rows import ROW


class RowWriter:
    def __init__(self, path: str) -> None:
        self._fd = os.open(path, os.O_CREAT | os.O_TRUNC | os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC, 0o600)
        self._pending = bytearray()
        self.count = 0

    def append(self, rows: bytes) -> None:
        self._pending += rows
        self.count += len(rows) // ROW.itemsize

    def flush(self) -> None:
        while self._pending:
            written = os.write(self._fd, self._pending)
            del self._pending[:written]

    def close(self) -> None:
        self.flush()
        os.close(self._fd)
