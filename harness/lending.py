"""Lend this machine to a run elsewhere: a load worker for each of its trials, until no more come.

A worker lives for one load, as the master does. So whoever lends waits for the next master on the same address, for as
long as a run may need between two trials.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Callable
from pathlib import Path

from harness.errors import MachineError, UsageError
from harness.load.client import driver_environment
from harness.system.process import Spawner

WORKER = (sys.executable, "-P", "-m", "harness.load.cluster.worker")
_OTHER_VERSION, _NO_PLACE = 64, 75
_PAUSE_S = 0.3
_FAREWELL_S = 1.5  # a master goes on listening for a moment after its load
_CONNECT_S = 2.0


async def lend(host: str, port: int, wait_s: float, folder: Path, spawner: Spawner, say: Callable[[str], None]) -> None:
    """Until no master was there for `wait_s`. MachineError when there never was one."""
    log, loads = folder / "worker.log", 0
    until = time.monotonic() + wait_s
    while time.monotonic() < until:
        if await _is_there(host, port):
            say(f"lending this machine to the run at {host}:{port}")
            if await _one_load(host, port, log, folder, spawner):
                loads += 1
                say(f"{loads} load{'s' if loads > 1 else ''} made for it; waiting up to {wait_s:g} s for the next one")
            until = time.monotonic() + wait_s
            await asyncio.sleep(_FAREWELL_S)
        await asyncio.sleep(_PAUSE_S)
    if not loads:
        raise MachineError(f"No run took this machine at {host}:{port} within {wait_s:g} s. It is open with --bind.")


async def _is_there(host: str, port: int) -> bool:
    try:
        async with asyncio.timeout(_CONNECT_S):
            _, writer = await asyncio.open_connection(host, port)
    except (OSError, TimeoutError):
        return False
    writer.close()
    return True


async def _one_load(host: str, port: int, log: Path, folder: Path, spawner: Spawner) -> bool:
    """Whether a load was made. UsageError when the two versions do not fit."""
    argv = (*WORKER, host, str(port))
    process = spawner.spawn(argv, name="load worker", env=driver_environment(), cwd=folder, log=log)
    try:
        while (code := await process.wait(60.0)) is None:
            pass
    finally:
        await process.end(grace_s=1.0)
    if code == _OTHER_VERSION:
        raise UsageError(_last_line(log))
    return code == 0


def _last_line(log: Path) -> str:
    lines = log.read_text("utf-8", "replace").strip().splitlines()
    return lines[-1] if lines else "The run does not take this worker."
