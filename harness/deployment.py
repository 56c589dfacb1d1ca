"""What a backend makes: a running service that can be watched, signalled and stopped."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from harness.errors import MachineError
from harness.model.trial import ServerSettings


@dataclass(frozen=True, slots=True)
class Address:
    host: str
    port: int

    @property
    def url(self) -> str:
        return f"http://{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Stopped:
    """How a server ended: `sent_ns` the signal, `done_ns` the end, on the trial's clock."""

    exit_code: int
    killed: bool
    sent_ns: int
    done_ns: int


class NotThere(MachineError):
    """A process that was to be hurt has gone before it was: a finding about the app, perhaps, and no end of the run."""


class Deployment(Protocol):
    """A service under test. `address` is the server itself, `ingress` the proxy before it."""

    @property
    def address(self) -> Address: ...
    @property
    def ingress(self) -> Address: ...
    @property
    def settings(self) -> ServerSettings: ...
    @property
    def log(self) -> Path: ...

    def master(self) -> int:
        """Pid of the supervisor (of the only process, where there is none); −1 when it has ended."""

    def workers(self) -> Sequence[int]:
        """Pids of the worker processes alive now, oldest first; helper processes of the server left out."""

    def signal(self, pid: int, number: int) -> None:
        """Send a signal to a process of the deployment; to no other: NotThere."""

    async def stop(self, grace_s: float) -> Stopped:
        """SIGTERM, wait for `grace_s`, then SIGKILL."""

    def leftovers(self) -> Sequence[int]:
        """Processes of the deployment that are alive although it has ended."""
