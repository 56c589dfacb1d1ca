"""The server as a child process of ours, in a session of its own.

Its processes are found in three ways: as descendants of its first process, by its session, and by a mark in their
environment that survives whatever they fork. Only the supervisor gets SIGTERM, as an init system would send it (T05).
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from signal import SIGTERM

from harness.deployment import Address, NotThere, Stopped
from harness.errors import MachineError
from harness.model.target import Target
from harness.model.trial import ServerSettings
from harness.servers.server import Server
from harness.servers.workers import find_workers
from harness.system.clock import Clock
from harness.system.proc import all_stats, is_same, read_stat
from harness.system.process import Process, Spawner, kill_session, marked
from harness.system.sockets import listens

_MARK = "SHAKEDOWN_DEPLOYMENT"


@dataclass(frozen=True, slots=True)
class Order:
    """What to start: the command line is the server's, the rest is ours."""

    target: Target
    server: Server
    settings: ServerSettings
    flags: Sequence[str]
    workers: int
    address: Address
    ingress: Address
    env: Mapping[str, str]
    log: Path


class ProcessDeployment:
    """A running server; see `harness.deployment.Deployment`."""

    def __init__(self, order: Order, clock: Clock, spawner: Spawner) -> None:
        self._order, self._clock = order, clock
        self._spawner, self._mark = spawner, secrets.token_hex(8)
        self._process: Process = self._start()

    def _start(self) -> Process:
        order, where = self._order, self._order.address
        argv = order.server.argv(order.target, where.host, where.port, order.workers, order.flags)
        return self._spawner.spawn(
            argv,
            name="server",
            env={**order.env, _MARK: self._mark},
            cwd=order.target.root,
            log=order.log,
            umask=0o022,
            death_signal=SIGTERM,
        )

    def start_again(self) -> None:
        """The same server, on the same address, after it has ended; what is left of the one before goes first."""
        if self._process.alive:
            raise MachineError(f"The server (pid {self._process.pid}) still runs; it is not started twice.")
        for pid in self.leftovers():
            _send(pid, 9)
        self._process = self._start()

    @property
    def address(self) -> Address:
        return self._order.address

    @property
    def ingress(self) -> Address:
        return self._order.ingress

    @property
    def settings(self) -> ServerSettings:
        return self._order.settings

    @property
    def log(self) -> Path:
        return self._order.log

    @property
    def exit_code(self) -> int | None:
        """None while the first process runs."""
        return self._process.exit_code

    def master(self) -> int:
        return self._process.pid if self._process.alive else -1

    def workers(self) -> Sequence[int]:
        if not self._process.alive:
            return ()
        return find_workers(self._order.server, self._process.pid, self._order.workers)

    def is_ours(self) -> bool:
        """The identity check: what listens on the port is this server."""
        return listens(self.address.port, [self._process.pid, *self.workers()])

    def signal(self, pid: int, number: int) -> None:
        if pid == self._process.pid:
            self._process.signal(number)
        elif pid in self.workers():
            _send(pid, number)
        else:
            raise NotThere(f"Process {pid} is none of this deployment; it gets no signal.")

    async def stop(self, grace_s: float) -> Stopped:
        """SIGTERM to the supervisor, SIGKILL to all when `grace_s` is over."""
        sent_ns = self._clock.now_ns()
        self._process.signal(SIGTERM)
        return await self.wait(grace_s, sent_ns)

    async def wait(self, grace_s: float, sent_ns: int) -> Stopped:
        """Wait for an end that was asked for at `sent_ns`."""
        code = await self._process.wait(grace_s)
        done_ns, killed = self._clock.now_ns(), code is None
        if killed:
            code = await self.kill()
            done_ns = self._clock.now_ns()
        return Stopped(code if code is not None else -1, killed, sent_ns, done_ns)

    async def kill(self) -> int:
        """SIGKILL everything of it, at once; also what is left after an end."""
        code = await self._process.end(first=9, grace_s=2.0)
        for pid in self.leftovers():
            _send(pid, 9)
        kill_session(self._process.pid)
        return code

    def leftovers(self) -> Sequence[int]:
        """What is alive of it beside its first process."""
        session = {stat.pid for stat in all_stats() if stat.alive and stat.session == self._process.pid}
        found = session | {stat.pid for stat in marked(self._mark, _MARK)}
        return sorted(found - {self._process.pid})

    def log_tail(self, lines: int = 12) -> str:
        """The last lines that it wrote."""
        try:
            text = self.log.read_text("utf-8", "replace")
        except OSError:
            return ""
        return "\n".join(line[:500] for line in text.splitlines()[-lines:])


def _send(pid: int, number: int) -> None:
    stat = read_stat(pid)
    if stat is not None and is_same(pid, stat.start):
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            return
