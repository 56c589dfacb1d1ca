"""Reading /proc: who is alive, since when, with which state, marked by which token.

A zombie is not alive (T02), and a pid alone names nobody: the start time in kernel ticks goes with it.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Stat:
    """A line of /proc/PID/stat: state letter, parent, session, start in ticks since boot, CPU seconds, RSS bytes."""

    pid: int
    state: str
    parent: int
    session: int
    start: int
    cpu_s: float
    rss_bytes: int
    threads: int

    @property
    def alive(self) -> bool:
        return self.state not in ("Z", "X")


def read_stat(pid: int) -> Stat | None:
    """None when there is no such process."""
    text = _read(f"/proc/{pid}/stat")
    if not text:
        return None
    words = text[text.rindex(")") + 2 :].split()
    return Stat(
        pid=pid,
        state=words[0],
        parent=int(words[1]),
        session=int(words[3]),
        start=int(words[19]),
        cpu_s=(int(words[11]) + int(words[12])) / _TICKS,
        rss_bytes=int(words[21]) * 4096,
        threads=int(words[17]),
    )


def thread_states(pid: int) -> dict[int, str]:
    """The state letter of each thread: "t" is one that its tracer has stopped. Empty where the process is gone."""
    try:
        names = os.listdir(f"/proc/{pid}/task")
    except OSError:
        return {}
    texts = {int(name): _read(f"/proc/{pid}/task/{name}/stat") for name in names}
    return {tid: text[text.rindex(")") + 2] for tid, text in texts.items() if text}


def all_stats() -> list[Stat]:
    """Every process that this user can see."""
    stats = (read_stat(int(name)) for name in os.listdir("/proc") if name.isdigit())
    return [stat for stat in stats if stat is not None]


def tree_cpu_s(root: int) -> float:
    """CPU seconds of a process and all below it, those that ended and were waited for included; −1 when unknown."""
    return tree_times(root).cpu_s


@dataclass(frozen=True, slots=True)
class TreeTimes:
    """Of a process and all below it: CPU seconds, those that ended and were waited for included (−1: unknown), and of
    each that lives the seconds that its main thread was ready to run and had no CPU."""

    cpu_s: float
    waited_s: Mapping[int, float]


def tree_times(root: int) -> TreeTimes:
    """Only the tree is read (`/proc/PID/task/TID/children`), not all of /proc: it is asked four times a second."""
    total_ticks, queue, waited_s = 0, [root], dict[int, float]()
    while queue:
        pid = queue.pop()
        text = _read(f"/proc/{pid}/stat")
        if text:
            total_ticks += sum(map(int, text[text.rindex(")") + 2 :].split()[11:15]))
            queue += _children(pid)
            words = _read(f"/proc/{pid}/schedstat").split()
            if len(words) == 3:  # some kernels do not tell
                waited_s[pid] = int(words[1]) / 1e9
        elif pid == root:
            return TreeTimes(-1.0, {})
    return TreeTimes(total_ticks / _TICKS, waited_s)


def children(pid: int) -> list[Stat]:
    """Of one process alone, without a look at all of /proc."""
    stats = (read_stat(child) for child in _children(pid))
    return [stat for stat in stats if stat is not None and stat.alive]


def _children(pid: int) -> list[int]:
    try:
        threads = os.listdir(f"/proc/{pid}/task")
    except OSError:
        return []
    return [int(word) for thread in threads for word in _read(f"/proc/{pid}/task/{thread}/children").split()]


def _read(path: str) -> str:
    """The beginning of a file of /proc; nothing when it is gone. Without a file object: these are read often."""
    try:
        fd = os.open(path, os.O_RDONLY)
    except OSError:
        return ""
    try:
        return os.read(fd, 16_384).decode("latin-1")
    except OSError:
        return ""
    finally:
        os.close(fd)


def is_same(pid: int, start: int) -> bool:
    """Is the process of that pid and start time alive (not a zombie)?"""
    stat = read_stat(pid)
    return stat is not None and stat.start == start and stat.alive


def descendants(pid: int, stats: list[Stat] | None = None) -> list[Stat]:
    """Living children and their children, parents first."""
    children: dict[int, list[Stat]] = {}
    for stat in stats if stats is not None else all_stats():
        children.setdefault(stat.parent, []).append(stat)
    found: list[Stat] = []
    queue = [pid]
    while queue:
        for child in children.get(queue.pop(0), []):
            queue.append(child.pid)
            if child.alive:
                found.append(child)
    return found


def is_pending(pid: int, number: int) -> bool:
    """Was the signal sent to the process, and has it not been handed over yet? False for a process that is gone."""
    sets = [line.split() for line in _read(f"/proc/{pid}/status").splitlines() if line.startswith(("SigPnd", "ShdPnd"))]
    return any(int(mask, 16) >> (number - 1) & 1 for _, mask in sets)


def has_mark(pid: int, mark: bytes) -> bool:
    """Does the process's environment hold the words `NAME=value`?"""
    try:
        environment = Path(f"/proc/{pid}/environ").read_bytes()
    except OSError:
        return False
    return mark in environment.split(b"\0")


def count_fds(pid: int) -> int:
    """Open descriptors; −1 when it cannot be seen."""
    try:
        return len(os.listdir(f"/proc/{pid}/fd"))
    except OSError:
        return -1


def command_of(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace").strip()
    except OSError:
        return ""
