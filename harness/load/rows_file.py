"""The rows of a load on disk: read while the file grows, or after it was cut at any byte."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from harness.errors import MachineError
from harness.model.rows import ROW, Rows, no_rows


def read_rows(path: Path | str, start: int = 0) -> Rows:
    """The whole rows of a file from row `start` on, read-only and mapped, not loaded. The file may still grow."""
    try:
        count = Path(path).stat().st_size // ROW.itemsize - start
        if count <= 0:
            return no_rows()
        return np.memmap(path, dtype=ROW, mode="r", offset=start * ROW.itemsize, shape=count)
    except OSError as error:
        raise MachineError(f"The rows of the load cannot be read from {path}: {error.strerror}.") from error
