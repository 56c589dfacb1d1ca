"""A start while the database refuses, and a worker that is killed."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from signal import SIGKILL

from harness.audit.bench import Bench
from harness.audit.facts.server import ColdStart, Replacing
from harness.audit.service import Service
from harness.faults.fault import Link
from harness.probes import answer_by_each_worker
from harness.probes.http import get_once
from harness.servers import server_of
from harness.system.clock import Clock

WAITED_S = 15.0
READY_ASKED = 4
READY_S = 2.0
REPLACED_S = 10.0
_LAST_LINES = 3


async def see_cold_start(bench: Bench, service: Service, links: Sequence[Link]) -> ColdStart:
    """It was started with these links down; they are whole afterwards."""
    target, began = bench.target, time.monotonic()
    lived_s = await _answered_after(service, target.live, began)
    said_ready = False
    if lived_s >= 0:
        for _ in range(READY_ASKED):
            said = await get_once(service.address, target.ready, Clock.start(), READY_S)
            said_ready = said_ready or said.good
    exit_code = service.deployment.exit_code
    tail = bench.secrets.redact(service.deployment.log_tail(_LAST_LINES)).splitlines()
    for link in links:
        await bench.rig.toxiproxy.heal(link.proxy)
    ready_s = -1.0
    if lived_s >= 0:
        ready_s = await _answered_after(service, target.ready, time.monotonic())
        exit_code = service.deployment.exit_code
    return ColdStart(
        waited_s=WAITED_S,
        exit_code=exit_code,
        lived_after_s=lived_s,
        ready_needs=any(link.name in target.ready_needs for link in links),
        said_ready=said_ready,
        ready_after_s=ready_s,
        last_lines=tuple(line[:300] for line in tail),
    )


async def _answered_after(service: Service, path: str, began_s: float) -> float:
    """Seconds until each worker answered well; −1 when the server ended, or not within the time."""
    deployment = service.deployment
    answering = asyncio.create_task(answer_by_each_worker(deployment, path, service.workers, WAITED_S))
    try:
        while not answering.done():
            if deployment.exit_code is not None:
                return -1.0
            await asyncio.sleep(0.02)
        return time.monotonic() - began_s if len(answering.result()) >= service.workers else -1.0
    finally:
        answering.cancel()


async def replace_worker(service: Service) -> Replacing:
    """Kill a worker and wait for a new one to answer; a second time where the first took too long."""
    if not server_of(service.target.server).supervised(service.workers):
        return Replacing(supervised=False)
    times: list[float] = []
    for _ in range(2):
        times.append(await _kill_one(service))
        if 0 <= times[-1] <= REPLACED_S or service.deployment.exit_code is not None:
            break
    return Replacing(True, tuple(times), WAITED_S)


async def _kill_one(service: Service) -> float:
    deployment = service.deployment
    before, began_s = set(deployment.workers()), time.monotonic()
    deployment.signal(min(before), SIGKILL)
    while (left_s := began_s + WAITED_S - time.monotonic()) > 0 and deployment.exit_code is None:
        answered = await answer_by_each_worker(deployment, service.target.live, service.workers, left_s)
        if answered - before:
            return time.monotonic() - began_s
    return -1.0
