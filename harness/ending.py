"""The end of a trial: SIGTERM with requests in flight, what is left of the server, what is stored.

    load off ─▶ requests held ─▶ 0.35 s ─▶ SIGTERM ─▶ 0.3 s ─▶ their rest ─▶ exit (or SIGKILL) ─▶ orphans? ─▶ ledger

Where the scenario's own fault is the SIGTERM, the load stays on until the server has gone.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from pathlib import Path
from typing import Literal

from harness.backends.process import ProcessDeployment
from harness.deployment import Stopped
from harness.faults.fault import Stage
from harness.load.rows_file import read_rows
from harness.model.observation import KeysStored, OrphansScanned, ProbeAnswered, ServerStopped
from harness.model.samples import acknowledged
from harness.model.target import LedgerSpec, RequestLine
from harness.parts.postgres_reserved import Reserved
from harness.parts.toxic import Toxic
from harness.parts.toxiproxy_calls import Wedged
from harness.probes import InFlight, Watch, open_in_flight
from harness.probes.http import get_once
from harness.system.proc import command_of

ACCEPTED_S = 0.35
REST_S = 0.3
KNOCK_PERIOD_S, KNOCK_TIMEOUT_S = 0.1, 1.0
HELD_PER_WORKER = 2
HELD_LATENCY_MS = 1000
_HELD = "held"


class HeldRequests:
    """Requests that are in the server's hand when SIGTERM comes.

    They are declared requests with half of their body sent. Where no line has a body, whole requests are sent and the
    part that they need is slowed, until `release`.
    """

    def __init__(self, watch: Watch, stage: Stage, lines: Sequence[RequestLine], keys: Iterator[int]) -> None:
        self._watch, self._stage, self._lines, self._keys = watch, stage, lines, keys
        self._slowed: str | None = None
        self._inflight = InFlight(watch, [])

    async def open(self) -> None:
        trial = self._watch.trial
        if self._watch.deployment.master() < 0:
            return
        if not any(line.body for line in self._lines):
            needed = (name for line in self._lines for name in line.needs if name in self._stage.links)
            self._slowed = next(needed, None)
        if self._slowed is not None:
            toxic = Toxic(_HELD, "latency", "downstream", {"latency": HELD_LATENCY_MS})
            with contextlib.suppress(Wedged):  # the trial says so, and is not judged
                await self._stage.toxiproxy.add(self._stage.links[self._slowed].proxy, toxic)
        self._inflight = await open_in_flight(
            self._watch,
            self._lines,
            HELD_PER_WORKER * trial.workers,
            self._keys,
            slowed=self._slowed,
        )
        await asyncio.sleep(ACCEPTED_S)

    async def across(self, ask: Callable[[], Awaitable[None]]) -> None:
        """Open, while the server is asked to end, and finished."""
        await self.open()
        asking = asyncio.ensure_future(ask())
        try:
            await asyncio.sleep(REST_S)
            await self.finish()
            await asking
        finally:
            asking.cancel()
            await self.release()

    async def finish(self) -> None:
        """After the signal: send the rest, hear the answers."""
        await self._inflight.finish()

    async def release(self) -> None:
        if self._slowed is not None:
            await self._stage.toxiproxy.lift(self._stage.links[self._slowed].proxy, _HELD)


async def end_server(
    watch: Watch, deployment: ProcessDeployment, held: HeldRequests, ending: asyncio.Task[Stopped], grace_s: float
) -> Stopped:
    """Wait for a server that was asked to end, finish what is held, and write down how it ended."""
    alive = deployment.master() >= 0
    if alive:
        await asyncio.sleep(REST_S)
    await held.finish()
    stopped = await ending
    by: Literal["drain", "itself"] = "drain" if alive else "itself"
    code, killed = stopped.exit_code, stopped.killed
    watch.emit(ServerStopped(by, code, killed, grace_s, stopped.sent_ns, stopped.done_ns))
    return stopped


async def knock(watch: Watch, for_s: float) -> None:
    """Ask on new connections after SIGTERM: those of the load, which are kept, may outlive the listener."""
    end = time.monotonic() + for_s
    while time.monotonic() < end:
        answer = await get_once(watch.deployment.address, watch.trial.live, watch.clock, KNOCK_TIMEOUT_S)
        status, sent_ns, done_ns = answer.status, answer.sent_ns, answer.done_ns
        watch.emit(ProbeAnswered("live", "fresh", -1, answer.outcome, status, sent_ns, done_ns))
        await asyncio.sleep(KNOCK_PERIOD_S)


async def scan_orphans(watch: Watch, deployment: ProcessDeployment, ended_ns: int) -> None:
    """What of the deployment is alive although its first process has gone; given `limits.orphan_s` to go."""
    end = time.monotonic() + watch.trial.limits.orphan_s
    while (left := deployment.leftovers()) and time.monotonic() < end:
        await asyncio.sleep(0.1)
    commands = tuple(command_of(pid)[:200] for pid in left)
    watch.emit(OrphansScanned(tuple(left), commands, ended_ns, watch.clock.now_ns()))


async def read_ledger(watch: Watch, ledger: LedgerSpec, reserved: Reserved, samples: Path) -> None:
    """Which keys are stored: asked until all acknowledged ones are there or the settle time is over."""
    wanted = _acknowledged(watch, samples)
    end = time.monotonic() + ledger.settle_s
    while True:
        sent_ns = watch.clock.now_ns()
        found = await reserved.keys(ledger.keys)
        counts = _count_keys(found, watch.trial.key_prefix)
        if wanted <= counts.keys() or time.monotonic() >= end:
            break
        await asyncio.sleep(0.2)
    watch.emit(KeysStored(tuple(sorted(counts.items())), len(found), sent_ns, watch.clock.now_ns()))


def _acknowledged(watch: Watch, samples: Path) -> set[int]:
    rows = acknowledged(read_rows(samples), [line.stores for line in watch.trial.requests])
    return set(rows["k"].tolist())


def _count_keys(found: Sequence[str], prefix: str) -> dict[int, int]:
    """Stored keys of this trial: number and count."""
    counts: dict[int, int] = {}
    for key in found:
        number = key.removeprefix(f"{prefix}-")
        if number != key and number.isdigit():
            counts[int(number)] = counts.get(int(number), 0) + 1
    return counts
