"""Looks at the server's processes and sockets, forges headers, and starts, hurts and ends a deployment of its own.

One deployment goes through it all, on links of its own, so that the shared one notices nothing:

    started without its database ─▶ database back ─▶ ready ─▶ a worker killed ─▶ replaced ─▶ SIGTERM with requests open

Where it does not survive the first step, a second one is started for the others.
"""

from __future__ import annotations

from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace

from harness.audit.bench import Bench
from harness.audit.checks.server import CHECKS
from harness.audit.experiments.server_ending import end_with_requests
from harness.audit.experiments.server_forging import forge
from harness.audit.experiments.server_starting import replace_worker, see_cold_start
from harness.audit.facts.server import ColdStart, Ending, Listening, Replacing, Server, Settings
from harness.audit.row import Row
from harness.audit.service import Service
from harness.faults.fault import Link
from harness.probes import answer_by_each_worker
from harness.system.cpus import usable_cpus
from harness.system.proc import command_of
from harness.system.sockets import listeners_of

_ANSWER_S = 10.0


async def observe(bench: Bench) -> Server:
    service, resolution = await bench.service(), await bench.resolution()
    settings = resolution.settings
    workers = service.deployment.workers()
    answered = await answer_by_each_worker(service.deployment, bench.target.live, len(workers), _ANSWER_S)
    cpus = usable_cpus(workers[0]) if workers else 0.0
    listening = _listening(bench, service)
    forwarded = await forge(service, resolution.trusted_proxies)
    own = await _try_own(bench)
    return Server(
        workers_asked=service.workers,
        workers_answered=len(answered),
        cpus=cpus,
        deadline_s=bench.target.slo.deadline_s,
        settings=Settings(
            server=bench.target.server,
            version=settings.version,
            stuck_timeout_s=settings.stuck_timeout_s,
            graceful_s=settings.graceful_s,
            keepalive_s=settings.keepalive_s,
            trusted_proxies=resolution.trusted_proxies,
        ),
        address=service.address.host,
        port=service.address.port,
        ports_declared=bench.spec.ports,
        listening=listening,
        forwarded=replace(forwarded, example=bench.secrets.redact(forwarded.example)),
        ending=own.ending,
        replacing=own.replacing,
        cold_start=own.cold_start,
        up=own.up,
    )


def _listening(bench: Bench, service: Service) -> tuple[Listening, ...]:
    """Workers inherit the supervisor's socket: each address once, told with the process that has it first."""
    first: dict[tuple[str, int], Listening] = {}
    for item in listeners_of(service.pids()):
        process = bench.secrets.redact(command_of(item.pid))[:120]
        first.setdefault((item.host, item.port), Listening(item.host, item.port, process))
    return tuple(first.values())


@dataclass(slots=True)
class _Own:
    """What was seen of the deployment of our own."""

    cold_start: ColdStart | None = None
    replacing: Replacing | None = None
    ending: Ending | None = None
    up: str = field(default="")


async def _try_own(bench: Bench) -> _Own:
    own = _Own()
    async with AsyncExitStack() as stack:
        links = await stack.enter_async_context(bench.links("server"))
        databases = await stack.enter_async_context(bench.databases("server"))
        if databases:
            broken = [links[name] for name in databases]
            for link in broken:
                await bench.rig.toxiproxy.disable(link.proxy)
            async with bench.boot("server-without-database", databases=databases, links=links) as service:
                own.cold_start = await see_cold_start(bench, service, broken)
                if own.cold_start.ready_after_s >= 0:
                    await _hurt(bench, service, links, own)
                    return own
        service = await stack.enter_async_context(bench.boot("server", databases=databases, links=links))
        await _hurt(bench, service, links, own)
    return own


async def _hurt(bench: Bench, service: Service, links: dict[str, Link], own: _Own) -> None:
    own.up = bench.secrets.redact(await service.until_up())
    if own.up:
        return
    own.replacing = await replace_worker(service)
    own.up = bench.secrets.redact(await service.until_up())
    if not own.up:
        own.ending = await end_with_requests(bench, service, links)


ROW = Row(
    "server",
    "Is the server set up for production?",
    Server,
    observe,
    CHECKS,
)
