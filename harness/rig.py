"""The parts of a run, started once: PostgreSQL, the dependency stubs, the proxies before them, and a control of ours.

    app ─▶ [toxiproxy: postgres] ─▶ PostgreSQL         one proxy for each part, for the whole run
        └▶ [toxiproxy: NAME]     ─▶ stub
    harness ─▶ control                                 a stub that nobody breaks: is the machine fit?

Every trial gets a fresh database, cloned from a template that the target's setup commands have filled once.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
from collections.abc import Callable, Coroutine, Mapping
from pathlib import Path
from typing import Any, Self

from harness.errors import MachineError, TargetError
from harness.faults.fault import Link
from harness.load.generator import OURS_ALONE, Generator
from harness.model.cpu_map import CpuMap, plan_cpus
from harness.model.target import HttpPart, PostgresPart, Target
from harness.parts.postgres import Database, Postgres, start_postgres
from harness.parts.stub import Stub, start_stub
from harness.parts.toxiproxy import Toxiproxy, start_toxiproxy
from harness.parts.toxiproxy_calls import ProxyError
from harness.system.cpus import usable_cpus
from harness.system.ports import Ports
from harness.system.process import Spawner
from harness.target import app_env
from harness.target_auth import make_secrets
from harness.target_env import SECRET

Say = Callable[[str], None]

_SETUP_S = 120.0


def _make_folder(spawner: Spawner) -> tuple[Path, int]:
    """A temporary folder of the run. Its name is in the ledger before it is there, so that none is ever forgotten."""
    try:
        folder = Path(tempfile.gettempdir()).absolute() / f"shakedown-{spawner.ledger.token}"
        entry = spawner.ledger.intend("folder", "parts", path=str(folder))
        folder.mkdir()
        folder.chmod(0o711)
    except OSError as error:
        raise MachineError(f"No temporary folder can be made: {error.strerror}. TMPDIR names another place.") from error
    return folder, entry


async def _together(*work: Coroutine[Any, Any, None]) -> None:
    """All of it; when one fails, the others are over too before that is told."""
    tasks = [asyncio.ensure_future(each) for each in work]
    try:
        await asyncio.gather(*tasks)
    except BaseException:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        raise


class Rig:
    """Started with `async with Rig.start(…) as rig`; leaving it ends every part.

    `apart`: what it starts leaves CPUs to the load generator, where there are enough.
    """

    def __init__(
        self, target: Target, spawner: Spawner, say: Say, generator: Generator = OURS_ALONE, *, apart: bool = False
    ) -> None:
        self.target, self.spawner, self.say, self.generator = target, spawner, say, generator
        self.ports = Ports()
        self.cpus: CpuMap | None = (
            plan_cpus(os.sched_getaffinity(0), usable_cpus(os.getpid()), generator.workers) if apart else None
        )
        spawner.cpus = self.cpus.service if self.cpus else ()
        self.secrets = make_secrets(target)
        self.folder, self._folder_entry = _make_folder(spawner)
        self.postgres: dict[str, Postgres] = {}
        self.stubs: dict[str, Stub] = {}
        self.links: dict[str, Link] = {}
        self._toxiproxy: Toxiproxy | None = None
        self._control: Stub | None = None

    @property
    def generator_cpus(self) -> tuple[int, ...]:
        return self.cpus.generator if self.cpus else ()

    async def __aenter__(self) -> Self:
        try:
            await self._start()
        except BaseException:
            await self.stop()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    @property
    def toxiproxy(self) -> Toxiproxy:
        if self._toxiproxy is None:
            raise MachineError("Toxiproxy was not started.")
        return self._toxiproxy

    @property
    def control(self) -> Stub:
        if self._control is None:
            raise MachineError("The control endpoint was not started.")
        return self._control

    async def _start(self) -> None:
        """The parts at once: initdb takes longest of all, on one core."""
        for part in self.target.parts:
            self.say(f"starting {part.name}")
        await _together(
            self._start_toxiproxy(), self._start_control(), *(self._start_part(part) for part in self.target.parts)
        )
        names = [part.name for part in self.target.parts]
        self.postgres = {
            name: self.postgres[name] for name in names if name in self.postgres
        }  # as declared, not as ready
        self.stubs = {name: self.stubs[name] for name in names if name in self.stubs}
        for part in self.target.parts:
            started = self.postgres.get(part.name) or self.stubs[part.name]
            proxy = await self.toxiproxy.create(part.name, started.address)
            self.links[part.name] = Link(part.name, part.kind, proxy)
        await self._set_up()

    async def _start_toxiproxy(self) -> None:
        self._toxiproxy = await start_toxiproxy(self.spawner, self.ports, self.folder, self.say)

    async def _start_control(self) -> None:
        self._control = await start_stub(HttpPart("control"), self.spawner, self.ports, self.folder)

    async def _start_part(self, part: PostgresPart | HttpPart) -> None:
        if isinstance(part, PostgresPart):
            self.postgres[part.name] = await start_postgres(part, self.spawner, self.ports, self.folder)
        else:
            self.stubs[part.name] = await start_stub(part, self.spawner, self.ports, self.folder)

    async def _set_up(self) -> None:
        """Fill the templates by the target's setup commands, as a deployment job would."""
        templates = {name: await postgres.make_template() for name, postgres in self.postgres.items()}
        env = self.environment(templates)
        for command in self.target.setup:
            self.say(f"setup: {command}")
            await self._run_setup(command, env)

    async def _run_setup(self, command: str, env: Mapping[str, str]) -> None:
        log = self.folder / "setup.log"
        process = self.spawner.spawn(
            ["/bin/sh", "-c", command], name="setup", env=env, cwd=self.target.root, log=log, umask=0o022
        )
        try:
            code = await process.wait(_SETUP_S)
        finally:
            await process.end(grace_s=1.0)
        if code != 0:
            how = f"did not end within {_SETUP_S:g} s" if code is None else f"ended with exit code {code}"
            tail = "\n    ".join(log.read_text("utf-8", "replace").strip().splitlines()[-12:])
            raise TargetError(f"The setup command `{command}` ({self.target.source}) {how}:\n    {tail}")

    def environment(self, databases: Mapping[str, Database], links: Mapping[str, Link] | None = None) -> dict[str, str]:
        """The whole environment of the app: addresses are those of the proxies, the run's or those of `links`."""
        values: dict[str, Mapping[str, str]] = {SECRET: self.secrets}
        for name, link in (self.links if links is None else links).items():
            where = link.proxy.listen
            if name in databases:
                values[name] = databases[name].values(where.host, where.port)
            else:
                values[name] = self.stubs[name].values(where.host, where.port)
        return app_env(self.target, values)

    def check_alive(self) -> None:
        """MachineError when a part has ended by itself, not by a fault: then the app must not be blamed."""
        if not self.toxiproxy.alive:
            raise MachineError("Toxiproxy ended by itself; the trial cannot be judged.")
        parts: list[Postgres | Stub] = [*self.postgres.values(), *self.stubs.values(), self.control]
        for part in parts:
            if not part.alive and not (isinstance(part, Postgres) and part.down):
                raise MachineError(f"The part {part.name} ended by itself; the trial cannot be judged.")

    async def heal(self) -> None:
        """All links whole, all stubs well: between two trials."""
        problems: list[ProxyError] = []
        for link in self.links.values():
            try:
                await self.toxiproxy.heal(link.proxy)
            except ProxyError as error:  # the others are healed all the same
                problems.append(error)
        for stub in self.stubs.values():
            await stub.program([])
        if problems:
            raise problems[0]

    async def stop(self) -> None:
        """End everything; errors of one part do not keep the others."""
        parts: list[Postgres | Stub | Toxiproxy] = [*self.stubs.values(), *self.postgres.values()]
        parts += [part for part in (self._control, self._toxiproxy) if part is not None]
        ends = [part.stop() for part in parts]
        problems = [result for result in await asyncio.gather(*ends, return_exceptions=True) if result is not None]
        shutil.rmtree(self.folder, ignore_errors=True)
        if not self.folder.exists():
            self.spawner.ledger.ended(self._folder_entry)
        for problem in problems:
            if isinstance(problem, Exception):
                self.say(f"while stopping: {problem}")
