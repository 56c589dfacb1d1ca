"""What a trial needs around the server: a database, the proxy before it, the server itself; and its clearing away."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from harness.backends.process import Order, ProcessDeployment
from harness.deployment import Address
from harness.faults.fault import Boot, Held, Link, Setup, Stage
from harness.faults.reloading import Hook, is_hooked
from harness.login import log_in
from harness.model.target import RequestLine, Scalar
from harness.model.trial import PlannedTrial, Trial
from harness.parts.postgres import Database, Postgres
from harness.parts.postgres_disk import SmallDisk, clone_on_small_disk
from harness.parts.postgres_reserved import Reserved
from harness.resolve import Resolution, resolve_settings
from harness.rig import Rig
from harness.servers import server_of
from harness.servers.server import Server
from harness.system.clock import Clock

FULL_DISK = "full-disk"


@dataclass(frozen=True, slots=True)
class Prepared:
    """All that is known before the server starts."""

    server: Server
    resolution: Resolution
    databases: Mapping[str, Database]
    env: Mapping[str, str]
    address: Address
    ingress: Link
    hook: Hook | None = None


class Stagehand:
    """Makes and clears one trial's surroundings: `async with Stagehand(rig, planned) as hand`."""

    def __init__(self, rig: Rig, planned: PlannedTrial) -> None:
        self.rig, self.planned = rig, planned
        self.varied = rig.target.load.lines
        self.reserved: dict[str, Reserved] = {}
        self._databases: dict[str, Database] = {}
        self._disks: dict[str, SmallDisk] = {}
        self._ingress: Link | None = None
        self.deployment: ProcessDeployment | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.clear()

    async def prepare(self) -> Prepared:
        """Clone the databases, open the reserved connections, put the ingress proxy up, resolve the settings."""
        for name, postgres in self.rig.postgres.items():
            self._databases[name] = await self._clone(postgres)
            self.reserved[name] = await postgres.reserve(self._databases[name].name)
        address = Address("127.0.0.1", self.rig.ports.take())
        proxy = await self.rig.toxiproxy.create(f"ingress-{self.planned.index}", address, self.rig.generator.host)
        self._ingress = Link("ingress", "ingress", proxy, self.rig.target.live)
        env = self.rig.environment(self._databases)
        hook = Hook(self.rig.folder / f"hook-{self.planned.index}") if is_hooked(self.planned.scenario) else None
        if hook is not None:
            env = hook.environment(env, self.rig.target.app)
        server = server_of(self.rig.target.server)
        options: Mapping[str, Scalar] = server.options(self.rig.target, self.planned.config)
        resolution = await resolve_settings(self.rig.target, server, options, workers=self.planned.workers, env=env)
        return Prepared(server, resolution, self._databases, env, address, self._ingress, hook)

    async def _clone(self, postgres: Postgres) -> Database:
        """On a small disk where a fault of the trial is to fill it."""
        label = self.planned.slug
        if not any(use.id == f"{postgres.name}.{FULL_DISK}" for use in self.planned.scenario.faults):
            return await postgres.clone(label)
        ledger = self.rig.spawner.ledger
        database, self._disks[postgres.name] = await clone_on_small_disk(postgres, label, self.rig.folder, ledger)
        return database

    def describe(self, prepared: Prepared, rate_rps: float) -> Trial:
        """The facts of the trial, for its judges."""
        target, planned = self.rig.target, self.planned
        return Trial(
            index=planned.index,
            scenario=planned.scenario,
            target=target.name,
            server=target.server,
            server_settings=prepared.resolution.settings,
            workers=planned.workers,
            config=planned.config,
            seed=planned.seed,
            live=target.live,
            ready=target.ready,
            live_probe=target.live_probe,
            ready_probe=target.ready_probe,
            ready_needs=target.ready_needs,
            part_kinds={part.name: part.kind for part in target.parts},
            requests=() if target.load.flow else target.load.lines,
            rate_rps=rate_rps,
            shape=planned.shape or target.load.shape,
            flow=target.load.flow,
            cpus=self.rig.cpus,
            timeout_s=target.load.timeout_s,
            key_prefix=f"sd-{self.rig.spawner.ledger.token[:8]}-{planned.index}",
            ledger=target.ledger is not None,
            slo=target.slo,
            limits=target.limits_for(planned.scenario),
            known_limits=prepared.server.limits_for(prepared.resolution.versions, prepared.resolution.flags),
            termination_s=target.termination_s,
            proxy_s=target.proxy_s,
            client_declared=target.load.timeout_declared,
        )

    def start_server(self, prepared: Prepared, clock: Clock, log: Path) -> ProcessDeployment:
        order = Order(
            target=self.rig.target,
            server=prepared.server,
            settings=prepared.resolution.settings,
            flags=prepared.resolution.flags,
            workers=self.planned.workers,
            address=prepared.address,
            ingress=prepared.ingress.proxy.listen,
            env=prepared.env,
            log=log,
        )
        self.deployment = ProcessDeployment(order, clock, self.rig.spawner)
        return self.deployment

    async def lines(self, deployment: ProcessDeployment) -> tuple[RequestLine, ...]:
        """The request lines as they are sent: where one holds a token, a client logs in first. `varied` is then what
        the load sends: the same, but for values that each arrival has of its own."""
        target = self.rig.target
        if target.auth is None or not any(line.uses_token for line in target.load.requests):
            return target.load.requests
        token = await log_in(target.auth, deployment.address, self.rig.secrets)
        self.varied = tuple(line.with_token(token) for line in self.varied)
        return tuple(line.with_token(token) for line in target.load.requests)

    def stage(
        self,
        deployment: ProcessDeployment,
        prepared: Prepared,
        lines: tuple[RequestLine, ...],
        rate_rps: float,
        boot: Boot,
        logs: Path,
    ) -> Stage:
        """What faults may touch; `lines` as they are sent."""
        target = self.rig.target
        links = {**self.rig.links, "ingress": prepared.ingress}
        held = {
            name: Held(self.rig.postgres[name], database, self.reserved[name], self._disks.get(name))
            for name, database in self._databases.items()
        }
        return Stage(
            deployment=deployment,
            spawner=self.rig.spawner,
            toxiproxy=self.rig.toxiproxy,
            links=links,
            stubs=self.rig.stubs,
            postgres=held,
            seed=self.planned.seed,
            lines=lines,
            rate_rps=rate_rps,
            boot=boot,
            hook=prepared.hook,
            setup=Setup(target.setup, target.root, logs, self.rig.environment) if target.setup else None,
        )

    async def clear(self) -> None:
        """End what is left of the server, heal the links, drop what was made for this trial."""
        if self.deployment is not None:
            await self.deployment.kill()
        for reserved in self.reserved.values():
            await reserved.close()
        if self.rig.toxiproxy.alive:
            if self._ingress is not None:
                await self.rig.toxiproxy.delete(self._ingress.proxy)
            await self.rig.heal()
        for name, database in self._databases.items():
            if self.rig.postgres[name].alive:
                await self.rig.postgres[name].drop(database)
        for name, disk in self._disks.items():
            try:
                if self.rig.postgres[name].alive:
                    await self.rig.postgres[name].drop_tablespace(disk.tablespace)
            finally:
                disk.remove()
