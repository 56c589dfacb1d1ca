"""Liveness and readiness as an orchestrator asks: on a fresh connection each period, whatever became of the last one.

An open loop: a late answer does not delay the next probe. Each probe listens a little longer than an orchestrator
would, so that the record holds how late the answer came. At most (timeout + 0.75 s) / period probes are open at once.
"""

from __future__ import annotations

import asyncio
from typing import Literal

from harness.model.observation import ProbeAnswered
from harness.model.target import ProbeSpec
from harness.probes.http import get_once
from harness.probes.ticks import ticks
from harness.probes.watch import Watch

LISTEN_LONGER_S = 0.75


class OrchestratorProbe:
    """One endpoint, asked each `period_s`. What is pending when it is cancelled says nothing and is not recorded,
    unless it had waited for the whole timeout by then."""

    def __init__(self, watch: Watch, probe: Literal["live", "ready"]) -> None:
        self._watch, self._probe = watch, probe
        trial = watch.trial
        self._path: str = trial.live if probe == "live" else trial.ready
        self._spec: ProbeSpec = trial.live_probe if probe == "live" else trial.ready_probe

    async def run(self) -> None:
        pending: set[asyncio.Task[None]] = set()
        try:
            async for _ in ticks(self._spec.period_s):
                task = asyncio.create_task(self._ask())
                pending.add(task)
                task.add_done_callback(pending.discard)
        finally:
            for task in tuple(pending):
                task.cancel()
            await asyncio.gather(*pending, return_exceptions=True)

    async def _ask(self) -> None:
        watch = self._watch
        sent_ns = watch.clock.now_ns()
        try:
            answer = await get_once(
                watch.deployment.address, self._path, watch.clock, self._spec.timeout_s + LISTEN_LONGER_S
            )
        except asyncio.CancelledError:
            now_ns = watch.clock.now_ns()
            if now_ns - sent_ns >= self._spec.timeout_s * 1e9:
                watch.emit(ProbeAnswered(self._probe, "fresh", -1, "timeout", -1, sent_ns, now_ns))
            raise
        watch.emit(
            ProbeAnswered(self._probe, "fresh", -1, answer.outcome, answer.status, answer.sent_ns, answer.done_ns)
        )
