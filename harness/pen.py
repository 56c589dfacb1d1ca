"""One queue takes the observations of a whole trial, and one task writes them, in the order in which they came."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from harness.model.observation import Observation, TrialEnded


class Pen:
    """Each observation goes to the `readers` in turn; the record is one of them."""

    def __init__(self, *readers: Callable[[Observation], None]) -> None:
        self._readers = readers
        self._queue: asyncio.Queue[Observation] = asyncio.Queue()

    def emit(self, observation: Observation) -> None:
        self._queue.put_nowait(observation)

    async def write(self) -> None:
        """Until the trial's last observation is written; raises where the record cannot be."""
        observation: Observation | None = None
        while not isinstance(observation, TrialEnded):
            observation = await self._queue.get()
            for read in self._readers:
                read(observation)
