"""A process of ours with an event loop and another thread, whose beats are counted from outside."""

from __future__ import annotations

import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from parts_rig import Bench, until

from harness.system.held_threads import HeldThreads, What
from harness.system.process import Process, Spawner, clean_env

# An event loop and a thread beside it; each writes a letter every 10 ms.
LOOP = """
import asyncio, threading, time
def beside():
    with open("thread", "w", buffering=1) as file:
        while True:
            file.write("\\n")
            time.sleep(0.01)
async def main():
    with open("loop", "w", buffering=1) as file:
        while True:
            file.write("\\n")
            await asyncio.sleep(0.01)
threading.Thread(target=beside, daemon=True).start()
asyncio.run(main())
"""


class Beat:
    """A process with an event loop, and how often its loop and its other thread have beaten."""

    def __init__(self, process: Process, folder: Path) -> None:
        self.process, self.folder = process, folder

    def count(self, name: str) -> int:
        path = self.folder / name
        return path.stat().st_size if path.exists() else 0

    async def goes_on(self, *names: str) -> None:
        before = {name: self.count(name) for name in names}
        await until(lambda: all(self.count(name) > before[name] + 3 for name in names), 20, f"{names} beat")


@asynccontextmanager
async def beating(here: Bench, program: str = LOOP) -> AsyncIterator[Beat]:
    argv = [sys.executable, "-c", program]
    process = here.spawner.spawn(argv, name="beat", env=clean_env(), cwd=here.folder, log=here.folder / "log")
    try:
        yield Beat(process, here.folder)
    finally:
        await process.end(first=signal.SIGKILL)


async def hold(spawner: Spawner, process: Process, what: What = "loop", lease_s: float = 60.0) -> HeldThreads:
    held = await HeldThreads.hold(spawner, what, process.pid, lease_s=lease_s)
    assert isinstance(held, HeldThreads), held
    return held
