"""Where the load of a run is made: how many workers this machine gives, and whether others may join."""

from __future__ import annotations

import ipaddress
import socket
from dataclasses import dataclass

from harness.errors import UsageError
from harness.load.client import MASTER_DRIVER

LOOPBACK = "127.0.0.1"
PORT = 5557
"""Locust's own port for workers."""
WEB_PORT = 8089
"""Locust's own port for its page."""
MAX_LOCAL = 16


@dataclass(frozen=True, slots=True)
class Generator:
    """`host` is where workers connect, the proxy before the service listens, and the page is shown.

    With `port` 0 it is another one each time, which nobody but our own workers is told. `web_port` 0 shows no page.
    """

    workers: int = 1
    host: str = LOOPBACK
    port: int = 0
    web_port: int = 0

    def command(self) -> tuple[str, ...]:
        port = ("--port", str(self.port)) if self.port else ()
        web = ("--web", str(self.web_port)) if self.web_port else ()
        return (*MASTER_DRIVER, "--workers", str(self.workers), "--bind", self.host, *port, *web)


OURS_ALONE = Generator()


def read_bind(text: str) -> tuple[str, int]:
    """ADDRESS or ADDRESS:PORT of this machine."""
    host, colon, port = text.partition(":")
    accepted = "it takes an IPv4 address of this machine that the others can reach, or ADDRESS:PORT"
    try:
        address = ipaddress.IPv4Address(host)
        number = int(port) if colon else PORT
    except ValueError:
        raise UsageError(f"--bind {text} is no address; {accepted}.") from None
    if address.is_unspecified or not 1 <= number <= 65535:
        raise UsageError(f"--bind {text} cannot be connected to; {accepted}.")
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, number))
        except OSError as error:
            raise UsageError(f"--bind {text}: {error.strerror}; {accepted}, where nothing listens yet.") from None
    return host, number
