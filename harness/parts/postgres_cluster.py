"""A PostgreSQL cluster of our own: initdb, start until it answers, stop.

Durable settings are on, as in production: a database that forgets on purpose would make nothing-lost worthless.
"""

from __future__ import annotations

import asyncio
import os
import re
import secrets
import shutil
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from signal import SIGINT, SIGQUIT
from typing import Literal

import asyncpg

from harness.errors import MachineError, UsageError
from harness.model.target import PostgresPart, Scalar
from harness.parts import postgres_outage as outage
from harness.parts.postgres_binaries import postgres_bin
from harness.parts.postgres_login import Login, connect, reason
from harness.system.ports import Ports
from harness.system.process import Owner, Process, Spawner, clean_env
from harness.system.sockets import listens

SUPERUSER = "shakedown"
_INITDB_S = 60.0
_READY_S = 30.0
_FAST_STOP_S = 10.0
_PORT_TRIES = 5
_OURS = {
    **dict.fromkeys(("listen_addresses", "port", "unix_socket_directories"), "the harness chooses the address"),
    **dict.fromkeys(("data_directory", "config_file", "hba_file", "ident_file"), "the harness makes the cluster"),
    **dict.fromkeys(("logging_collector", "log_destination", "external_pid_file"), "the harness keeps the log"),
}
_DURABLE = {"fsync": "on", "synchronous_commit": "on", "full_page_writes": "on"}
_LEAST = {"max_connections": 10, "superuser_reserved_connections": 3}


@dataclass(slots=True)
class Cluster:
    """The server's first process and its data. `down`: it was ended on purpose and is to come back."""

    process: Process
    login: Login
    data: Path
    log: Path
    spawn: Callable[[], Process]
    wait_ready: Callable[[Process], Awaitable[str | None]]
    down: bool = False

    async def stop(self) -> None:
        """Immediate, then by force: a checkpoint of data that are thrown away took seconds on a slow disk."""
        outage.thaw(self.process)
        await self.process.end(first=SIGQUIT, grace_s=5.0)
        await asyncio.to_thread(shutil.rmtree, self.data.parent, ignore_errors=True)

    async def end(self, how: Literal["fast", "killed"]) -> None:
        """End the server and keep its data: in order, which cuts its sessions, or all of its processes at once."""
        self.down = True
        if how == "fast":
            await self.process.end(first=SIGINT, grace_s=_FAST_STOP_S)
        else:
            await outage.kill(self.process)

    async def start_again(self) -> None:
        """On the same data and port; it answers when this returns. One that runs is left alone."""
        end = time.monotonic() + _READY_S
        while not self.process.alive:
            self.process = self.spawn()  # known before it answers, so that whatever ends us ends it
            problem = await self.wait_ready(self.process)
            if problem is not None:
                if time.monotonic() > end:
                    raise MachineError(f"PostgreSQL ({self.process.name}) does not start again: {problem}")
                await asyncio.sleep(0.25)  # what is left of the old one may still hold its data
        self.down = False


def check_settings(part: PostgresPart) -> dict[str, str]:
    """The user's settings as PostgreSQL writes them; those that are ours are refused by name."""
    found: dict[str, str] = {}
    for name, value in part.settings.items():
        key = f"parts.{part.name}.settings.{name}"
        if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_.]*", name):
            raise UsageError(f"{key} is no name of a setting of PostgreSQL.")
        if name.lower() in _OURS:
            raise UsageError(f"{key} cannot be set: {_OURS[name.lower()]}.")
        text = _text(value)
        if "\0" in text or "\n" in text:
            raise UsageError(f"{key} must be one line.")
        least = _LEAST.get(name.lower(), 0)
        if least and not (text.isdecimal() and int(text) >= least):
            raise UsageError(f"{key} must be a whole number of at least {least}.")
        found[name.lower()] = text
    return found


def _text(value: Scalar) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    return str(value)


async def start_cluster(part: PostgresPart, spawner: Spawner, ports: Ports, folder: Path) -> Cluster:
    """initdb and a server that answers its superuser; as root it runs as nobody."""
    settings = check_settings(part)
    owner = Owner.nobody() if os.geteuid() == 0 else None
    if owner is not None:
        _open_way(folder)
    base = folder / f"{part.name}-cluster"
    base.mkdir(mode=0o700)
    if owner is not None:
        os.chown(base, owner.uid, owner.gid)
    starter = _Starter(part, spawner, folder, base / "data", owner)
    try:
        starter.programs = await postgres_bin(spawner, folder, owner, starter.log)
        await starter.initialise()
        return await _start(starter, settings, ports)
    except BaseException:
        shutil.rmtree(base, ignore_errors=True)
        raise


async def _start(starter: _Starter, settings: Mapping[str, str], ports: Ports) -> Cluster:
    """The server on a port that stays free until it has bound it."""
    for _ in range(_PORT_TRIES):
        process, port = starter.spawn(settings, ports.take())
        try:
            problem = await starter.wait_ready(process, port)
        except BaseException:
            await process.end(first=SIGQUIT)
            raise
        if problem is None:
            return starter.cluster(process, settings, port)
        await process.end(first=SIGQUIT)
        if "Address already in use" not in problem:
            raise await starter.blame(problem, settings, ports)
    raise MachineError("No port for PostgreSQL stayed free; something takes them as soon as they are chosen.")


def _open_way(folder: Path) -> None:
    """nobody must be able to walk to its data; only our own folder is changed for that."""
    folder.chmod(folder.stat().st_mode | 0o001)
    for parent in folder.resolve().parents:
        if not parent.stat().st_mode & 0o001:
            raise MachineError(
                f"PostgreSQL runs as nobody, who cannot enter {parent}: set TMPDIR to a folder that all can enter."
            )


@dataclass(slots=True)
class _Starter:
    part: PostgresPart
    spawner: Spawner
    folder: Path
    data: Path
    owner: Owner | None
    programs: Path = Path()
    password: str = ""

    @property
    def log(self) -> Path:
        return self.folder / f"{self.part.name}.log"

    def login(self, port: int) -> Login:
        return Login("127.0.0.1", port, SUPERUSER, self.password, "postgres")

    def cluster(self, process: Process, settings: Mapping[str, str], port: int) -> Cluster:
        return Cluster(
            process,
            self.login(port),
            self.data,
            self.log,
            spawn=lambda: self.spawn(settings, port)[0],
            wait_ready=lambda again: self.wait_ready(again, port),
        )

    def _spawn(self, name: str, program: str, *arguments: str) -> Process:
        return self.spawner.spawn(
            [str(self.programs / program), "-D", str(self.data), *arguments],
            name=name,
            env=clean_env(HOME=str(self.data.parent), LANG="C.UTF-8", LC_ALL="C.UTF-8"),
            cwd=self.data.parent,
            log=self.log,
            owner=self.owner,
            # Fast stop when the harness dies; a postmaster that is killed leaves its backends to find out.
            death_signal=SIGINT,
            heal_signal=SIGQUIT,
        )

    async def initialise(self) -> None:
        self.password = secrets.token_urlsafe(24)
        secret = self.data.parent / "secret"
        secret.touch(mode=0o600)
        secret.write_text(self.password)
        if self.owner is not None:
            os.chown(secret, self.owner.uid, self.owner.gid)
        process = self._spawn(
            f"initdb ({self.part.name})",
            "initdb",
            *("-U", SUPERUSER, f"--pwfile={secret}", "--auth=scram-sha-256"),
            *("--locale=C.UTF-8", "--encoding=UTF8", "--data-checksums"),
            # What it makes is not older than the run: the disk need not have it before the server starts.
            "--no-sync",
        )
        try:
            code = await process.wait(_INITDB_S)
        finally:  # also when another part that was started at the same time could not be had
            if process.alive:
                await process.end()
            secret.unlink()
        if code != 0:
            raise MachineError(f"initdb for {self.part.name} failed: {self._last_words(0)}")

    def spawn(self, settings: Mapping[str, str], port: int) -> tuple[Process, int]:
        """User settings, and after them what is ours: the last one holds."""
        fixed = {"listen_addresses": "127.0.0.1", "port": str(port), "unix_socket_directories": ""}
        fixed |= {"logging_collector": "off", "log_destination": "stderr"}
        words = [f"{name}={value}" for name, value in {**_DURABLE, **settings, **fixed}.items()]
        arguments = [argument for word in words for argument in ("-c", word)]
        return self._spawn(self.part.name, "postgres", *arguments), port

    async def wait_ready(self, process: Process, port: int) -> str | None:
        """None once it answers and is the process that we started; else why it ended."""
        written = self.log.stat().st_size if self.log.exists() else 0
        end, last = time.monotonic() + _READY_S, "no answer"
        while time.monotonic() < end:
            if not process.alive:
                return self._last_words(written)
            if listens(port, [process.pid]):
                try:
                    connection = await connect(self.login(port), timeout_s=2.0)
                    await connection.fetchval("SELECT 1")
                    await connection.close(timeout=2)
                except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
                    last = reason(error)
                else:
                    return None
            await asyncio.sleep(0.02)
        raise MachineError(f"PostgreSQL ({self.part.name}) did not answer within {_READY_S:g} s: {last}")

    async def blame(self, problem: str, settings: Mapping[str, str], ports: Ports) -> MachineError | UsageError:
        """If it starts without the user's settings, the settings are the reason."""
        if settings:
            process, port = self.spawn({}, ports.take())
            try:
                bare = await self.wait_ready(process, port)
            finally:
                await process.end(first=SIGINT)
            if bare is None:
                return UsageError(f"parts.{self.part.name}.settings: PostgreSQL does not start with them: {problem}")
        return MachineError(f"PostgreSQL ({self.part.name}) does not start: {problem}")

    def _last_words(self, offset: int) -> str:
        """What the log says since `offset`: the fatal line and its hint, else the last one."""
        with self.log.open("rb") as stream:
            stream.seek(offset)
            lines = [line.strip() for line in stream.read().decode("utf-8", "replace").splitlines() if line.strip()]
        marks = ("FATAL:", "PANIC:", "DETAIL:", "HINT:", "error:", "could not", "Address already in use")
        telling = [re.sub(r"^.*?\[\d+\] ", "", line) for line in lines if any(mark in line for mark in marks)]
        return " ".join(telling[:4] or lines[-1:]) or "its log is empty."
