"""The sockets of a link in the proxy's hand, and what can be done to them from outside."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from harness.faults.fault import Link
from harness.parts.toxiproxy import Toxiproxy
from harness.system import borrowed
from harness.system.socket_diag import established
from harness.system.sockets import LISTEN, inodes_of, tcp_rows


@dataclass(frozen=True, slots=True)
class Ends:
    """Inodes of a link's open connections: those that face its clients, and those that face the part."""

    clients: frozenset[int]
    part: frozenset[int]

    @property
    def connections(self) -> frozenset[int]:
        return self.clients | self.part


def ends_of(toxiproxy: Toxiproxy, link: Link) -> Ends:
    """As they are now."""
    ours = inodes_of(toxiproxy.process.pid)
    rows = [row for row in established() if row.inode in ours]
    return Ends(
        frozenset(row.inode for row in rows if row.local_port == link.proxy.listen.port),
        frozenset(row.inode for row in rows if row.remote_port == link.proxy.upstream.port),
    )


def listener_of(toxiproxy: Toxiproxy, link: Link) -> frozenset[int]:
    """The inode of the socket that accepts the link's connections; empty while the link is off."""
    port = link.proxy.listen.port
    rows = {row.inode for row in tcp_rows() if row.state == LISTEN and row.local_port == port}
    return frozenset(rows & inodes_of(toxiproxy.process.pid))


def lose(toxiproxy: Toxiproxy, inodes: frozenset[int], program: borrowed.Program) -> int:
    """Lose what comes in on these sockets from now on; how many there were."""
    with borrowed.borrow(toxiproxy.process.pid, inodes) as sockets:
        for each in sockets:
            borrowed.drop(each, program)
        return len(sockets)


def deaf(toxiproxy: Toxiproxy, inodes: frozenset[int]) -> int:
    """On how many of these sockets the kernel drops what comes in, by its own word."""
    with borrowed.borrow(toxiproxy.process.pid, inodes) as sockets:
        return sum(borrowed.drops(each) for each in sockets)


def lose_nothing(toxiproxy: Toxiproxy, inodes: frozenset[int]) -> None:
    """The end of `lose`, where it was; else nothing happens."""
    with borrowed.borrow(toxiproxy.process.pid, inodes) as sockets:
        for each in sockets:
            borrowed.pass_all(each)


def cut(toxiproxy: Toxiproxy, link: Link, how: Literal["reset", "close"]) -> int:
    """End every connection of the link that is open now, idle or busy: by RST, or in order; how many there were."""
    with borrowed.borrow(toxiproxy.process.pid, ends_of(toxiproxy, link).clients) as connections:
        for connection in connections:
            if how == "reset":
                borrowed.reset(connection)
            else:
                borrowed.close(connection)
        return len(connections)
