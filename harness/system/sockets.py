"""Who holds which TCP socket, from /proc: the answer to "which process answers here" without any help from it.

A row of /proc/net/tcp names a socket's inode; a process that holds it has `socket:[inode]` among its descriptors. The
peer of our own socket is the row with the two addresses exchanged. A connection that no process has accepted yet has
inode 0, so ask only after an answer has come.
"""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

LISTEN = "0A"
ESTABLISHED = "01"


@dataclass(frozen=True, slots=True)
class TcpRow:
    local_port: int
    remote_port: int
    state: str
    inode: int


def tcp_rows() -> list[TcpRow]:
    """All TCP sockets of this network namespace, IPv4 and IPv6."""
    rows: list[TcpRow] = []
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        try:
            lines = Path(table).read_text().splitlines()[1:]
        except OSError:
            continue
        for line in lines:
            words = line.split()
            rows.append(
                TcpRow(
                    int(words[1].rsplit(":", 1)[1], 16), int(words[2].rsplit(":", 1)[1], 16), words[3], int(words[9])
                )
            )
    return rows


def inodes_of(pid: int) -> set[int]:
    """Inodes of the sockets that a process holds; empty when it cannot be seen."""
    found: set[int] = set()
    folder = f"/proc/{pid}/fd"
    try:
        names = os.listdir(folder)
    except OSError:
        return found
    for name in names:
        try:
            target = os.readlink(f"{folder}/{name}")
        except OSError:
            continue
        if target.startswith("socket:["):
            found.add(int(target[8:-1]))
    return found


def peer_inode(our_port: int, their_port: int) -> int:
    """Inode of the other end of our loopback connection; 0 when nobody has accepted it (or it is gone)."""
    for row in tcp_rows():
        if row.local_port == their_port and row.remote_port == our_port and row.inode:
            return row.inode
    return 0


def holder(inode: int, pids: Iterable[int]) -> int:
    """Which of these processes holds the socket; −1 for none."""
    if inode:
        for pid in pids:
            if inode in inodes_of(pid):
                return pid
    return -1


def listens(port: int, pids: Iterable[int]) -> bool:
    """Is the listener on this port held by one of these processes? The identity check of every part."""
    wanted = {row.inode for row in tcp_rows() if row.state == LISTEN and row.local_port == port}
    return any(wanted & inodes_of(pid) for pid in pids)


@dataclass(frozen=True, slots=True)
class Listener:
    """A TCP socket that a process listens on; several processes may hold the same one."""

    pid: int
    host: str
    port: int


def listeners_of(pids: Iterable[int]) -> list[Listener]:
    """What these processes listen on, IPv4 and IPv6."""
    there: dict[int, tuple[str, int]] = {}
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        try:
            lines = Path(table).read_text().splitlines()[1:]
        except OSError:
            continue
        for words in map(str.split, lines):
            if words[3] == LISTEN:
                there[int(words[9])] = read_end(words[1])
    return [Listener(pid, *there[inode]) for pid in pids for inode in sorted(inodes_of(pid) & there.keys())]


def read_end(text: str) -> tuple[str, int]:
    """An address as the kernel's tables write it: words of four bytes, each in the machine's order."""
    address, port = text.rsplit(":", 1)
    words = [int(address[at : at + 8], 16).to_bytes(4, sys.byteorder) for at in range(0, len(address), 8)]
    family = socket.AF_INET if len(words) == 1 else socket.AF_INET6
    return socket.inet_ntop(family, b"".join(words)), int(port, 16)
