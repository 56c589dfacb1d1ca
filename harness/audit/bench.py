"""What an experiment may use: the parts of the run, a shared deployment of the app, and others of its own.

The shared one is booted when the first experiment asks for it, as `run` would boot it, with error reports going to a
collector of ours. An experiment leaves it whole; one that ends or breaks a server boots its own.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

import asyncpg

from harness.audit.collector import Collector
from harness.audit.secret_words import SecretWords
from harness.audit.service import Service
from harness.backends.process import Order, ProcessDeployment
from harness.deployment import Address
from harness.errors import MachineError, TargetError
from harness.faults.fault import Link
from harness.login import log_in
from harness.model.audit import AuditSpec
from harness.parts.postgres import Database
from harness.parts.postgres_login import reason
from harness.resolve import Resolution, resolve_settings
from harness.rig import Rig
from harness.servers import server_of
from harness.system.clock import Clock

_COMMAND_S = 60.0
SECRET_NAMES = ("password", "secret", "token", "key", "dsn", "credential")


@dataclass(frozen=True, slots=True)
class Ran:
    """How a command ended: `exit_code` None when it did not end in time. `output` is redacted."""

    exit_code: int | None
    output: str
    took_s: float


class Bench:
    """`async with Bench(rig) as bench`."""

    def __init__(self, rig: Rig) -> None:
        self.rig, self.target, self.say = rig, rig.target, rig.say
        self.clock = Clock.start()
        self.secrets = SecretWords()
        self.collector = Collector(rig.ports)
        self._stack = AsyncExitStack()
        self._shared: Service | None = None
        self._resolution: Resolution | None = None
        self._token = ""
        self._logs = 0

    async def __aenter__(self) -> Self:
        await self._stack.enter_async_context(self.collector)
        self.secrets.add_all({f"secret.{name}": text for name, text in self.rig.secrets.items()})
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    @property
    def spec(self) -> AuditSpec:
        return self.target.audit

    async def service(self) -> Service:
        """The shared deployment, up and ready. TargetError when it does not come up."""
        if self._shared is None or self._shared.deployment.exit_code is not None:
            self.say("booting the deployment")
            self._shared = await self._stack.enter_async_context(self.boot("shared"))
        if why := await self._shared.until_up():
            tail = self.secrets.redact(self._shared.deployment.log_tail())
            raise TargetError(f"The service is not up. {why} Its last lines:\n    " + "\n    ".join(tail.splitlines()))
        return self._shared

    async def token(self) -> str:
        """A token by the login of [auth]; empty where the target has none."""
        if self.target.auth is None:
            return ""
        if not self._token:
            service = await self.service()
            self._token = await log_in(self.target.auth, service.address, self.rig.secrets)
            self.secrets.add("token", self._token)
        return self._token

    @asynccontextmanager
    async def boot(
        self,
        label: str,
        *,
        env: Mapping[str, str | None] | None = None,
        databases: Mapping[str, Database] | None = None,
        workers: int | None = None,
        links: Mapping[str, Link] | None = None,
    ) -> AsyncIterator[Service]:
        """Another deployment, not waited for. `env` changes variables, None takes one away. `databases`: else clones.

        Two replicas are two of these on the same databases.
        """
        count = workers or self.target.workers
        async with AsyncExitStack() as stack:
            if databases is None:
                databases = await stack.enter_async_context(self.databases(label))
            reserved = {}
            for name, database in databases.items():
                reserved[name] = await self.rig.postgres[name].reserve(database.name)
                stack.push_async_callback(reserved[name].close)
            whole = self.environment(databases, env, links)
            resolution = await self._resolve(whole)
            self._logs += 1
            log = self.rig.folder / f"audit-{self._logs:02d}-{label}.log"
            server = server_of(self.target.server)
            deployment = ProcessDeployment(
                Order(
                    target=self.target,
                    server=server,
                    settings=resolution.settings,
                    flags=resolution.flags,
                    workers=count,
                    address=(address := self._address()),
                    ingress=address,
                    env=whole,
                    log=log,
                ),
                self.clock,
                self.rig.spawner,
            )
            stack.push_async_callback(deployment.kill)
            yield Service(self.target, deployment, count, databases, reserved, whole, log)

    @asynccontextmanager
    async def databases(self, label: str, *, empty: bool = False) -> AsyncIterator[dict[str, Database]]:
        """Databases of one's own: copies of what the setup commands made, or `empty` ones."""
        made: dict[str, Database] = {}
        try:
            for name, postgres in self.rig.postgres.items():
                made[name] = await postgres.clone(label, empty=empty)
                self.secrets.add(f"password of {name}", made[name].password)
            yield made
        finally:
            for name, database in made.items():
                if self.rig.postgres[name].alive:
                    await self.rig.postgres[name].drop(database)

    @asynccontextmanager
    async def links(self, label: str) -> AsyncIterator[dict[str, Link]]:
        """Links of one's own to all parts: what is broken there, the shared deployment does not notice."""
        made: dict[str, Link] = {}
        toxiproxy = self.rig.toxiproxy
        try:
            for name, link in self.rig.links.items():
                proxy = await toxiproxy.create(f"{label}-{name}", link.proxy.upstream)
                made[name] = replace(link, proxy=proxy)
            yield made
        finally:
            for link in made.values():
                if toxiproxy.alive:
                    await toxiproxy.delete(link.proxy)

    @asynccontextmanager
    async def superuser(self, part: str, database: Database) -> AsyncIterator[asyncpg.Connection[asyncpg.Record]]:
        """A superuser's connection to a database, beside the proxy. MachineError when PostgreSQL goes away."""
        try:
            connection = await self.rig.postgres[part].admin(database.name)
        except (OSError, TimeoutError, asyncpg.PostgresError) as error:
            raise MachineError(f"PostgreSQL ({part}) gave no connection of our own: {reason(error)}") from error
        try:
            yield connection
        except asyncpg.PostgresConnectionError as error:
            raise MachineError(f"PostgreSQL ({part}) ended our own connection: {reason(error)}") from error
        finally:
            with contextlib.suppress(OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError):
                await connection.close(timeout=2)

    def environment(
        self,
        databases: Mapping[str, Database],
        changes: Mapping[str, str | None] | None = None,
        links: Mapping[str, Link] | None = None,
    ) -> dict[str, str]:
        """The app's whole environment: the target file's, error reports to our collector, then `changes`."""
        whole = self.rig.environment(databases, links)
        whole.setdefault(self.spec.error_report_env, self.collector.dsn)
        for name in self.target.pass_env:
            if any(word in name.lower() for word in SECRET_NAMES):
                self.secrets.add(name, whole.get(name, ""))
        for name, text in (changes or {}).items():
            if text is None:
                whole.pop(name, None)
            else:
                whole[name] = text
        return whole

    async def run(self, command: str, env: Mapping[str, str], *, timeout_s: float = _COMMAND_S) -> Ran:
        """Run a command as a deployment job would, in a shell in the target's folder."""
        self._logs += 1
        log = self.rig.folder / f"audit-{self._logs:02d}-command.log"
        began = time.monotonic()
        process = self.rig.spawner.spawn(
            ["/bin/sh", "-c", command], name="command", env=env, cwd=self.target.root, log=log, umask=0o022
        )
        try:
            code = await process.wait(timeout_s)
        finally:
            await process.end(grace_s=1.0)
        text = log.read_text("utf-8", "replace") if log.exists() else ""
        return Ran(code, self.secrets.redact(text), time.monotonic() - began)

    async def mend(self) -> None:
        """All links whole and all stubs well again, between two experiments."""
        await self.rig.heal()

    def logs(self) -> dict[str, Path]:
        """Every log so far, by name: they may hold secrets."""
        return {path.stem: path for path in sorted(self.rig.folder.glob("audit-*.log"))}

    async def resolution(self) -> Resolution:
        """The server's settings in force, as the app's interpreter resolves them."""
        service = await self.service()
        return await self._resolve(service.env)

    async def _resolve(self, env: Mapping[str, str]) -> Resolution:
        if self._resolution is None:
            server = server_of(self.target.server)
            options = server.options(self.target, {})
            self._resolution = await resolve_settings(
                self.target, server, options, workers=self.target.workers, env=env
            )
        return self._resolution

    def _address(self) -> Address:
        return Address("127.0.0.1", self.rig.ports.take())
