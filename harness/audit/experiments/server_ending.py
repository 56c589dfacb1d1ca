"""SIGTERM to a deployment that has requests in hand, as the drain of a trial does it."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Mapping

from harness.audit.bench import Bench
from harness.audit.facts.server import Ending, Held
from harness.audit.service import Service
from harness.ending import HeldRequests, end_server
from harness.errors import TargetError
from harness.faults.fault import Link, Stage
from harness.login import log_in
from harness.model.observation import InFlightEnded, Observation
from harness.model.request import RequestLine
from harness.model.scenario import Scenario
from harness.model.trial import Trial
from harness.probes import Watch
from harness.probes.inflight import FIRST_KEY

_LOST_S = 3.0  # a supervisor notices late, and kills; only then do we


async def end_with_requests(bench: Bench, service: Service, links: Mapping[str, Link]) -> Ending:
    deployment, lines = service.deployment, await _lines(bench, service)
    seen: list[Observation] = []
    watch = Watch(bench.clock, seen.append, deployment, _trial(bench, service))
    stage = Stage(deployment, bench.rig.spawner, bench.rig.toxiproxy, links, bench.rig.stubs)
    held = HeldRequests(watch, stage, lines, itertools.count(FIRST_KEY))
    grace_s = deployment.settings.leaves_in_s
    try:
        await held.open()
        ending = asyncio.create_task(deployment.stop(grace_s + _LOST_S))
        try:
            stopped = await end_server(watch, deployment, held, ending, grace_s)
        finally:
            ending.cancel()
    finally:
        await held.release()
    asked_ns = stopped.sent_ns
    return Ending(
        held=tuple(_told(item, asked_ns) for item in seen if isinstance(item, InFlightEnded)),
        took_s=(stopped.done_ns - asked_ns) / 1e9,
        grace_s=grace_s,
        exit_code=stopped.exit_code,
        killed=stopped.killed,
    )


def _told(item: InFlightEnded, asked_ns: int) -> Held:
    accepted_s = (item.accepted_ns - asked_ns) / 1e9 if item.accepted_ns >= 0 else None
    return Held(item.request, accepted_s, (item.done_ns - asked_ns) / 1e9, item.outcome, item.status)


async def _lines(bench: Bench, service: Service) -> tuple[RequestLine, ...]:
    lines = bench.target.load.requests
    if bench.target.auth is None or not any(line.uses_token for line in lines):
        return lines
    try:
        token = await log_in(bench.target.auth, service.address, bench.rig.secrets)
    except TargetError:
        return lines  # a refusal is an answer too
    bench.secrets.add("token", token)
    return tuple(line.with_token(token) for line in lines)


def _trial(bench: Bench, service: Service) -> Trial:
    """What the in-flight probe has to know; nothing of it is judged."""
    target = bench.target
    return Trial(
        index=0,
        scenario=Scenario("drain", ""),
        target=target.name,
        server=target.server,
        server_settings=service.deployment.settings,
        workers=service.workers,
        config={},
        seed=0,
        live=target.live,
        ready=target.ready,
        live_probe=target.live_probe,
        ready_probe=target.ready_probe,
        ready_needs=target.ready_needs,
        part_kinds={},
        requests=target.load.requests,
        rate_rps=0.0,
        timeout_s=target.load.timeout_s,
        key_prefix=f"sda-{bench.rig.spawner.ledger.token[:8]}",
        ledger=False,
        slo=target.slo,
        limits=target.limits,
    )
