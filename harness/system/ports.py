"""Free loopback ports below the ephemeral range, so that no outgoing connection of anybody takes them first."""

from __future__ import annotations

import random
import socket
from pathlib import Path

from harness.errors import MachineError

_FLOOR = 20_000


def _ceiling() -> int:
    """The first ephemeral port, where the kernel says it (Linux: 32768 by default)."""
    try:
        return int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    except (OSError, ValueError, IndexError):
        return 32_768


def is_free(port: int) -> bool:
    """Nobody listens there, on loopback or on all addresses, and it can be bound."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


class Ports:
    """Hands out each port once; a port that is taken is passed over."""

    def __init__(self) -> None:
        self._given: set[int] = set()

    def take(self) -> int:
        ceiling = _ceiling()
        low, high = (_FLOOR, ceiling - 1) if ceiling > _FLOOR + 1000 else (10_000, max(ceiling - 1, 12_000))
        for _ in range(2_000):
            port = random.randint(low, high)
            if port not in self._given and is_free(port):
                self._given.add(port)
                return port
        raise MachineError(f"No free loopback port was found between {low} and {high}.")
