"""A steady beat: ticks at multiples of the period from the first one; those that were missed are left out."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator


async def ticks(period_s: float) -> AsyncIterator[None]:
    """The first tick comes at once. A slow reader never gets a burst of late ticks."""
    loop = asyncio.get_running_loop()
    due = loop.time()
    while True:
        yield
        now = loop.time()
        due += period_s * max(1, int((now - due) / period_s) + 1) if now >= due + period_s else period_s
        await asyncio.sleep(due - now)
