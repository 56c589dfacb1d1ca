"""A run in small: ledger, spawner, ports and a folder, in a state folder of its own; nothing may be left of it."""

import asyncio
import contextlib
import os
import shutil
import socket
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

from harness.healing import heal
from harness.ledger import Ledger, open_entries
from harness.system.ports import Ports
from harness.system.process import Spawner, marked


@dataclass
class Bench:
    ledger: Ledger
    spawner: Spawner
    ports: Ports
    folder: Path


class Chosen(Ports):
    """Hands out these ports first."""

    def __init__(self, *first: int) -> None:
        super().__init__()
        self.first = list(first)

    def take(self) -> int:
        return self.first.pop(0) if self.first else super().take()


@contextlib.contextmanager
def taken_port() -> Iterator[int]:
    """A port on which somebody else listens."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        yield other.getsockname()[1]


@contextlib.asynccontextmanager
async def bench() -> AsyncIterator[Bench]:
    folder = Path(tempfile.mkdtemp(prefix="shakedown-test-"))
    state = Path(tempfile.mkdtemp(prefix="shakedown-state-"))
    try:
        with mock.patch.dict(os.environ, {"SHAKEDOWN_STATE": str(state)}):
            ledger = Ledger.create()
        ledger.intend("folder", "parts", path=str(folder))
        try:
            yield Bench(ledger, Spawner(ledger), Ports(), folder)
            left = [entry for entry in open_entries(ledger.path) if entry.what != "folder"]
            assert left == []
            assert marked(ledger.token) == []
        finally:
            healed = heal(ledger.path)
            os.close(ledger.fileno())
        assert (healed.folders, healed.left) == ((str(folder),), ())
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        shutil.rmtree(state, ignore_errors=True)


async def until(holds: Callable[[], bool], within_s: float, what: str) -> float:
    """Seconds until `holds` was true."""
    started = time.monotonic()
    while not holds():
        assert time.monotonic() - started < within_s, f"not within {within_s:g} s: {what}"
        await asyncio.sleep(0.02)
    return time.monotonic() - started
