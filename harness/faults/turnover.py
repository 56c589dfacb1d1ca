"""What clients see of workers that come and go: connections to the old ones, from before, and answers of new ones."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from harness.deployment import Deployment
from harness.faults.worker import connected, other_ends
from harness.probes.http import Connection
from harness.probes.owners import Owned, ask_owner
from harness.system.clock import Clock
from harness.system.sockets import tcp_rows

_OPEN_S = 3.0
_MOST_KEPT = 300
_QUICK_S, _GENTLE_S = 0.01, 0.05  # new workers may need long: they are not to be asked as by a load of its own
_CLOSED_EACH = 5
"""So many answers, each of which ended its connection, and none that kept it: the app does that always."""


@dataclass(frozen=True, slots=True)
class Heard:
    """Who answered; `by_anybody`: the app closes each connection, so that nobody can tell who."""

    pids: frozenset[int] = frozenset()
    by_anybody: bool = False


@dataclass(slots=True)
class Turnover:
    """`before` are the workers at the beginning, `clients` the other ends of what each of them was connected to then.

    `unkept`: the app closes each connection after its answer, so that none of ours was there to end.
    """

    deployment: Deployment
    path: str
    before: tuple[int, ...] = ()
    clients: Mapping[int, frozenset[int]] = field(default_factory=dict)
    unkept: bool = False
    _kept: list[Connection] = field(default_factory=list)

    @classmethod
    async def begin(cls, deployment: Deployment, path: str, *, leave: bool) -> Turnover:
        """`leave`: some of the workers are to go, so each needs a connection: whose it may be, or else one of ours."""
        made = cls(deployment, path, tuple(deployment.workers()))
        if leave:
            made.clients = made._clients_of_each()
            lonely = {pid for pid, ends in made.clients.items() if not ends}
            if lonely:
                made.unkept = (await made._ask(lambda: lonely, _OPEN_S, made._kept, lasting=True)).by_anybody
                made.before = tuple(deployment.workers())
                made.clients = made._clients_of_each()
        return made

    def _clients_of_each(self) -> dict[int, frozenset[int]]:
        rows = tcp_rows()
        return {pid: other_ends(self.deployment, pid, rows) for pid in self.before}

    async def hear(self, new: Callable[[], set[int]], for_s: float) -> Heard:
        """Which of the new workers answer a connection of ours, asked until all do."""
        fresh: list[Connection] = []
        try:
            return await self._ask(new, for_s, fresh, lasting=False)
        finally:
            for connection in fresh:
                connection.close()

    async def _ask(
        self, wanted: Callable[[], set[int]], for_s: float, kept: list[Connection], *, lasting: bool
    ) -> Heard:
        """What is kept stays open: a worker that has many connections is not the quickest to take the next.

        `lasting`: an answer that ends its connection does not count.
        """
        pids, closed, reusable, clock = set[int](), 0, 0, Clock.start()
        try:
            async with asyncio.timeout(for_s):
                while not wanted() <= pids and (reusable or closed < _CLOSED_EACH):
                    found = await ask_owner(self.deployment, self.path, clock, tuple(self.deployment.workers()))
                    if isinstance(found, Owned):
                        kept.append(found.connection)
                        if found.answer.reusable or not lasting:
                            pids.add(found.pid)
                        reusable, closed = reusable + found.answer.reusable, closed + (not found.answer.reusable)
                    if len(kept) > _MOST_KEPT:
                        kept.pop(0).close()
                    await asyncio.sleep(_QUICK_S if lasting else _GENTLE_S)
        except TimeoutError:
            pass
        return Heard(frozenset(pids & wanted()), not reusable and closed >= _CLOSED_EACH)

    def of(self, pids: Iterable[int]) -> tuple[int, int]:
        """How many clients these workers had at the beginning, and how many of them are still connected."""
        ends = frozenset[int]().union(*(self.clients.get(pid, frozenset()) for pid in pids))
        return len(ends), connected(ends) if ends else 0

    def close(self) -> None:
        for connection in self._kept:
            connection.close()
        self._kept = []
