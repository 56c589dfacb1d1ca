"""Finding the workers of a running server among the children of its first process.

Children are not workers: multiprocessing keeps helpers beside them. Cheap enough to be asked several times a second.
"""

from __future__ import annotations

import os
from pathlib import Path

from harness.servers.server import Server
from harness.system.proc import Stat, all_stats, command_of, read_stat


def find_workers(server: Server, master: int, workers: int) -> list[int]:
    """Pids of the workers that are alive, oldest first; `workers` is the number that the server was started with."""
    if not server.supervised(workers):
        stat = read_stat(master)
        return [master] if stat is not None and stat.alive else []
    children = sorted(_children(master), key=lambda stat: (stat.start, stat.pid))
    return [stat.pid for stat in children if stat.alive and server.is_worker(command_of(stat.pid))]


def _children(pid: int) -> list[Stat]:
    """Each thread lists the children that it forked; a kernel without that list is asked for every process."""
    try:
        threads = os.listdir(f"/proc/{pid}/task")
        words = [Path(f"/proc/{pid}/task/{thread}/children").read_text().split() for thread in threads]
    except OSError:
        return [stat for stat in all_stats() if stat.parent == pid]
    stats = (read_stat(int(word)) for line in words for word in line)
    return [stat for stat in stats if stat is not None and stat.parent == pid]
