"""What the faults of one worker share: which worker it is, and what the kernel says of it."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence

from harness.deployment import Deployment, NotThere
from harness.faults.fault import Parameter
from harness.system.proc import Stat, is_same, read_stat
from harness.system.socket_diag import received
from harness.system.sockets import ESTABLISHED, inodes_of, tcp_rows

BUSIEST = -1
INDEX = Parameter("index", BUSIEST, BUSIEST, 1_000, "which worker, oldest first; −1: the busiest")


def pick(deployment: Deployment, index: int) -> tuple[Stat, int]:
    """The worker's state now, and how many client connections it holds.

    By default the busiest: hurting one that nobody talks to shows nothing (F10).
    """
    pids = deployment.workers()
    held = connections_by_worker(deployment)
    if index == BUSIEST and pids:
        index = pids.index(_busiest(deployment, pids, held))
    stat = read_stat(pids[index]) if 0 <= index < len(pids) else None
    if stat is None:
        raise NotThere(f"There is no worker number {index}: the server has {len(pids)} at this moment.")
    return stat, held.get(stat.pid, 0)


def _busiest(deployment: Deployment, pids: Sequence[int], held: Mapping[int, int]) -> int:
    """Whose open connections have brought most; a client that keeps its connections may use one of many. Where none is
    kept, or the kernel does not tell, by their number, and then by CPU time."""
    brought = received(deployment.address.port)
    asked = {pid: sum(brought.get(inode, 0) for inode in inodes_of(pid)) for pid in pids}
    spent = {pid: stat.cpu_s for pid in pids if (stat := read_stat(pid)) is not None}
    return max(pids, key=lambda pid: (asked[pid], held.get(pid, 0), spent.get(pid, 0.0)))


def send(worker: Stat, number: int) -> bool:
    """A signal to this worker and to nobody who got its pid; was it there to get it?"""
    if not is_same(worker.pid, worker.start):
        return False
    try:
        os.kill(worker.pid, number)
    except ProcessLookupError:
        return False
    return True


def connections_by_worker(deployment: Deployment) -> dict[int, int]:
    """How many client connections each worker has accepted."""
    port = deployment.address.port
    clients = {row.inode for row in tcp_rows() if row.local_port == port and row.state == ESTABLISHED and row.inode}
    return {pid: len(clients & inodes_of(pid)) for pid in deployment.workers()}
