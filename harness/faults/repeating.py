"""What a fault does again and again while it is on, in a task of its own that always ends a step before it stops."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field


@dataclass(slots=True)
class Repeating:
    """`step` does something and says how many seconds to wait for the next. Never cancelled in the middle of one:
    a call to the proxy that is left alone would take effect after the lift.
    """

    step: Callable[[], Awaitable[float]]
    steps: int = 0
    _stop: asyncio.Event = field(default_factory=asyncio.Event)
    _task: asyncio.Task[None] | None = None

    async def start(self, *, after_s: float = 0.0) -> None:
        """The first step is done when this returns, unless it is to come later."""
        wait_s = after_s or await self._do()
        self._task = asyncio.create_task(self._run(wait_s))

    async def stop(self) -> None:
        """Nothing happens any more; raises what a step has raised."""
        self._stop.set()
        task, self._task = self._task, None
        if task is not None:
            await task

    async def _do(self) -> float:
        wait_s = await self.step()
        self.steps += 1
        return wait_s

    async def _run(self, wait_s: float) -> None:
        while not await self._stopped_within(wait_s):
            wait_s = await self._do()

    async def _stopped_within(self, wait_s: float) -> bool:
        try:
            async with asyncio.timeout(wait_s):
                await self._stop.wait()
        except TimeoutError:
            return False
        return True
