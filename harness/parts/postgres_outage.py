"""What can be done to all processes of a PostgreSQL at once: the postmaster and its children, each by pid and start.

A backend has a session of its own (it calls setsid), so no signal to a group reaches them all. The postmaster is
stopped before its children are listed: what stands still makes no more of them.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable
from signal import SIGCONT, SIGKILL, SIGSTOP

from harness.errors import MachineError
from harness.system import borrowed
from harness.system.proc import Stat, children, is_same, read_stat
from harness.system.process import Process
from harness.system.sockets import LISTEN, inodes_of, tcp_rows

_STOPPED_S = 2.0
_GONE_S = 5.0
_QUEUE = 4096  # the kernel's own limit (net.core.somaxconn) since Linux 5.4


async def freeze(postmaster: Process) -> list[Stat]:
    """SIGSTOP to all; those that were there. A process stops when it next gets a CPU, so it is waited for."""
    postmaster.signal(SIGSTOP)
    await _until_stopped([stat] if (stat := postmaster.stat()) else [])
    found = tree(postmaster)
    _signal(found, SIGSTOP)
    await _until_stopped(found)
    return found


async def _until_stopped(stats: list[Stat]) -> None:
    await _until(lambda: all(is_stopped(each) or not is_same(each.pid, each.start) for each in stats), _STOPPED_S)


async def _until(holds: Callable[[], bool], limit_s: float) -> None:
    end = time.monotonic() + limit_s
    while not holds() and time.monotonic() < end:
        await asyncio.sleep(0.005)


def is_stopped(stat: Stat) -> bool:
    """Now, whatever it was when it was looked at."""
    now = read_stat(stat.pid)
    return now is not None and now.start == stat.start and now.state == "T"


def lengthen_queue(postmaster: Process, port: int) -> int:
    """How many connections the kernel takes for a server that does not: as many as it may. −1 where it cannot be set.

    When PostgreSQL's own queue (some two hundred) is full, no more handshake is answered. Toxiproxy connects for one
    client after the other and is then stuck with one, and all others behind it, until the kernel tries again: 4.2 s
    after the lift with 500 connections in 12 s, where it is 0.4 s without a proxy or with this queue. It is left
    so: what waits in it at the lift must not be turned away, and nobody else sees the length.
    """
    ours = inodes_of(postmaster.pid)
    found = {row.inode for row in tcp_rows() if row.state == LISTEN and row.local_port == port} & ours
    try:
        with borrowed.borrow(postmaster.pid, found) as listeners:
            for listener in listeners:
                listener.listen(_QUEUE)
            return _QUEUE if listeners else -1
    except MachineError:
        return -1


def thaw(postmaster: Process) -> int:
    """SIGCONT to all, the postmaster last; how many there were. Nothing happens to what runs."""
    found = tree(postmaster)
    _signal(found[::-1], SIGCONT)
    return len(found)


async def kill(postmaster: Process) -> None:
    """SIGKILL to all, as when the machine loses its power; gone, and the postmaster reaped, when this returns."""
    found = await freeze(postmaster)
    _signal(found, SIGKILL)
    await postmaster.wait(_GONE_S)
    await _until(lambda: not any(is_same(each.pid, each.start) for each in found), _GONE_S)


def stop(postmaster: Process) -> None:
    """SIGSTOP to those that are there now, without waiting: for as short a time that one more does not matter."""
    _signal(tree(postmaster), SIGSTOP)


def tree(postmaster: Process) -> list[Stat]:
    """The postmaster first; nothing where it has ended."""
    stat = postmaster.stat() if postmaster.alive else None
    return [] if stat is None else [stat, *children(stat.pid)]


def _signal(stats: list[Stat], number: int) -> None:
    for stat in stats:
        if is_same(stat.pid, stat.start):
            try:
                os.kill(stat.pid, number)
            except ProcessLookupError:
                continue
