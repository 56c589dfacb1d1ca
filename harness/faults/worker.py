"""What the faults of one worker share: which worker it is, and what the kernel says of it."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping, Sequence

from harness.deployment import Deployment, NotThere
from harness.faults.fault import Parameter
from harness.system.proc import Stat, is_same, read_stat
from harness.system.socket_diag import received
from harness.system.sockets import ESTABLISHED, TcpRow, inodes_of, tcp_rows

BUSIEST = -1
_WATCHED_S = 0.25  # at 20 requests a second five of them show who is asked
INDEX = Parameter("index", BUSIEST, BUSIEST, 1_000, "which worker, oldest first; −1: the busiest")


async def pick(deployment: Deployment, index: int) -> tuple[Stat, int]:
    """The worker's state now, and how many client connections it holds.

    By default the busiest: hurting one that nobody talks to shows nothing (F10).
    """
    pids = deployment.workers()
    if index == BUSIEST and pids:
        before = received(deployment.address.port)
        await asyncio.sleep(_WATCHED_S)
        pids = deployment.workers()
        index = _busiest(deployment, pids, before)
    stat = read_stat(pids[index]) if 0 <= index < len(pids) else None
    if stat is None:
        raise NotThere(f"There is no worker number {index}: the server has {len(pids)} at this moment.")
    return stat, connections_by_worker(deployment).get(stat.pid, 0)


def _busiest(deployment: Deployment, pids: Sequence[int], before: Mapping[int, int]) -> int:
    """Whose connections bring most at this moment: a client that keeps many may use one of them, and another one later.

    Where nothing comes, or the kernel does not tell: whose have brought most, then who holds most, then by CPU time.
    """
    held = connections_by_worker(deployment)
    brought = received(deployment.address.port)

    def rank(index: int) -> tuple[int, int, int, float]:
        ours = {inode: brought[inode] for inode in inodes_of(pids[index]) if inode in brought}
        now = sum(count - before.get(inode, 0) for inode, count in ours.items())
        stat = read_stat(pids[index])
        return now, sum(ours.values()), held.get(pids[index], 0), stat.cpu_s if stat is not None else 0.0

    return max(range(len(pids)), key=rank, default=0)


def send(worker: Stat, number: int) -> bool:
    """A signal to this worker and to nobody who got its pid; was it there to get it?"""
    if not is_same(worker.pid, worker.start):
        return False
    try:
        os.kill(worker.pid, number)
    except ProcessLookupError:
        return False
    return True


def other_ends(deployment: Deployment, pid: int, rows: Sequence[TcpRow] | None = None) -> frozenset[int]:
    """Inodes of the sockets that clients on this machine have connected to the worker."""
    rows = tcp_rows() if rows is None else rows
    port, ours = deployment.address.port, inodes_of(pid)
    clients = {row.remote_port for row in rows if row.local_port == port and row.inode in ours}
    theirs = (row for row in rows if row.remote_port == port and row.local_port in clients)
    return frozenset(row.inode for row in theirs if row.state == ESTABLISHED and row.inode)


def connected(inodes: frozenset[int]) -> int:
    """How many of them still are."""
    return sum(row.state == ESTABLISHED and row.inode in inodes for row in tcp_rows())


def connections_by_worker(deployment: Deployment) -> dict[int, int]:
    """How many client connections each worker has accepted."""
    port = deployment.address.port
    clients = {row.inode for row in tcp_rows() if row.local_port == port and row.state == ESTABLISHED and row.inode}
    return {pid: len(clients & inodes_of(pid)) for pid in deployment.workers()}
