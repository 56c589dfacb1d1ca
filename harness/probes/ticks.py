"""A steady beat: ticks at multiples of the period from the first one; those that were missed are left out.

All beats fall on one grid of 20 ms, on which the loop's lag is measured too: several probes share one waking of the
loop, and waking is most of what watching costs. A tick may be late by up to 20 ms for that; the rate is exact.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator

GRID_S = 0.02


async def ticks(period_s: float) -> AsyncIterator[None]:
    """The first tick comes at once. A slow reader never gets a burst of late ticks."""
    loop = asyncio.get_running_loop()
    due_s = loop.time()
    while True:
        yield
        missed = max(0, math.floor((loop.time() - due_s) / period_s))
        due_s += period_s * (missed + 1)
        await _until(loop, on_grid(due_s))


def on_grid(time_s: float) -> float:
    """The first point of the grid that is not before this time of the loop."""
    return math.ceil(time_s / GRID_S) * GRID_S


async def _until(loop: asyncio.AbstractEventLoop, time_s: float) -> None:
    """Sleep to a point in time; `asyncio.sleep` would miss the grid by the time between two looks at the clock."""
    reached: asyncio.Future[None] = loop.create_future()
    handle = loop.call_at(time_s, _set, reached)
    try:
        await reached
    finally:
        handle.cancel()


def _set(reached: asyncio.Future[None]) -> None:
    if not reached.done():
        reached.set_result(None)
