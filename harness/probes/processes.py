"""The process tree of the deployment: who is alive 4 times a second, what each one uses once a second."""

from __future__ import annotations

from typing import Literal

from harness.model.observation import ProcessSampled, WorkersSeen
from harness.probes.roster import Roster
from harness.probes.ticks import ticks
from harness.probes.watch import Watch
from harness.system.proc import count_fds, read_stat
from harness.system.socket_diag import established
from harness.system.sockets import inodes_of

SEEN_HZ = 4


class ProcessesProbe:
    """Emits WorkersSeen at 4 Hz and ProcessSampled for each process at 1 Hz."""

    def __init__(self, watch: Watch) -> None:
        self._watch = watch
        self._roster = Roster(watch.deployment)

    async def run(self) -> None:
        count = 0
        async for _ in ticks(1 / SEEN_HZ):
            sent_ns = self._watch.clock.now_ns()
            master, workers = self._roster.now()
            self._watch.emit(WorkersSeen(master, workers, sent_ns, self._watch.clock.now_ns()))
            if count % SEEN_HZ == 0:
                served = self._served()
                self._sample(master, "master", served)
                for pid in workers:
                    self._sample(pid, "worker", served)
            count += 1

    def _served(self) -> set[int]:
        """Inodes of the connections at the server's own port."""
        port = self._watch.deployment.address.port
        return {row.inode for row in established() if row.local_port == port}

    def _sample(self, pid: int, role: Literal["master", "worker"], served: set[int]) -> None:
        sent_ns = self._watch.clock.now_ns()
        stat = read_stat(pid) if pid > 0 else None
        if stat is None:
            return
        fds, clients = count_fds(pid), len(inodes_of(pid) & served)
        done_ns = self._watch.clock.now_ns()
        use = stat.state, stat.cpu_s, stat.rss_bytes, fds
        self._watch.emit(ProcessSampled(pid, role, *use, sent_ns, done_ns, clients))
