"""A control group of ours that has a CPU quota, and one process in it: all of its threads share the quota.

    the group that the process is in ─▶ shakedown-TOKEN-PID: quota and period; the process, until it is put back

In version 1 the CPU has a tree of its own (`cpu.cfs_quota_us`). In version 2 (`cpu.max`) there is one tree for all, and
a group takes part in the CPU only where the one above hands it down (`cgroup.subtree_control`). That is not switched on
here: it would change a group that is not ours, and stay. The ledger knows of a group before it is made.
"""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.ledger import Ledger
from harness.system.cpus import GROUPS, cpu_folders

LEAST_QUOTA_US = 1_000
"""The kernel refuses less, and periods that are shorter than this or longer than a second."""
_OURS = "shakedown-"
_PROCS = "cgroup.procs"
_REMOVE_S = 2.0


@dataclass(frozen=True, slots=True)
class Quota:
    """So much CPU time in each period, by the clock."""

    quota_us: int
    period_us: int


@dataclass(frozen=True, slots=True)
class Throttling:
    """Of a group since it was made: periods in which it ran, those in which its quota was used up, and how long it
    stood still for that, summed over the CPUs that it had work on."""

    periods: int
    throttled: int
    stood_ms: float


@dataclass(frozen=True, slots=True)
class Place:
    """The group that a process is in, and the version of control groups."""

    folder: Path
    version: int


@dataclass(frozen=True, slots=True)
class CpuGroup:
    path: Path
    ledger: Ledger
    entry: int

    def throttling(self) -> Throttling:
        try:
            return read_throttling((self.path / "cpu.stat").read_text())
        except OSError:
            return Throttling(0, 0, 0.0)

    def remove(self) -> bool:
        """What is in it goes back to the group above; is it gone? Twice is as good as once."""
        gone = _remove(self.path)
        if gone:
            self.ledger.ended(self.entry)
        return gone


def confine(pid: int, quota: Quota, ledger: Ledger) -> CpuGroup | str:
    """The process in a new group below its own, or why it is not."""
    place = find_place(pid, cpu_folders(pid))
    if isinstance(place, str):
        return place
    path = place.folder / f"{_OURS}{ledger.token}-{pid}"
    group = CpuGroup(path, ledger, ledger.intend("cpu-group", str(pid), path=str(path)))
    try:
        _make(path, place.version, quota)
        (path / _PROCS).write_text(str(pid))
    except OSError as error:
        group.remove()
        return _told(error, place.folder)
    return group


def why_not_quota() -> str:
    """Why this machine lets us give no process a CPU quota; empty where it does. Tried, on a group without anybody."""
    place = find_place(os.getpid(), cpu_folders(os.getpid()))
    if isinstance(place, str):
        return place
    path = place.folder / f"{_OURS}try-{os.getpid()}"
    try:
        _make(path, place.version, Quota(LEAST_QUOTA_US, 100_000))
    except OSError as error:
        return _told(error, place.folder)
    finally:
        _remove(path)
    return ""


def remove_of_run(path: Path, token: str) -> bool:
    """For `heal`: is the group gone? One that is not of this run, by name and place, is left alone and counts as gone.

    Living processes in it need not be of the run: they go on, without the quota.
    """
    placed = path.is_relative_to(GROUPS) and ".." not in path.parts
    return not placed or not path.name.startswith(f"{_OURS}{token}-") or _remove(path)


def find_place(pid: int, folders: Sequence[tuple[int, Sequence[Path]]]) -> Place | str:
    """The folder among those of `cpu_folders` that has the process and may have groups with a quota, or why none."""
    why = "this machine has no control groups that count the CPU"
    for version, upwards in folders:
        own = next((folder for folder in upwards if pid in _members(folder)), None)
        if own is None:
            continue
        own = own.resolve()  # outside of the namespace that we are in, its path goes up by dots
        if own.name.startswith(_OURS):
            return "it has a CPU quota of ours already"
        if version == 1 or "cpu" in _read(own / "cgroup.subtree_control").split():
            return Place(own, version)
        why = f"the control group {own} does not hand the CPU down to groups below it (`cpu` in cgroup.subtree_control)"
    return why


def read_throttling(text: str) -> Throttling:
    """A `cpu.stat` of either version: its time is in nanoseconds in the first, in microseconds in the second."""
    lines = [line.split() for line in text.splitlines()]
    numbers = {words[0]: int(words[1]) for words in lines if len(words) == 2}
    stood_ms = numbers.get("throttled_time", 0) / 1e6 + numbers.get("throttled_usec", 0) / 1e3
    return Throttling(numbers.get("nr_periods", 0), numbers.get("nr_throttled", 0), round(stood_ms, 1))


def _make(path: Path, version: int, quota: Quota) -> None:
    path.mkdir()
    if version == 1:
        (path / "cpu.cfs_period_us").write_text(str(quota.period_us))
        (path / "cpu.cfs_quota_us").write_text(str(quota.quota_us))
    else:
        (path / "cpu.max").write_text(f"{quota.quota_us} {quota.period_us}")


def _remove(path: Path) -> bool:
    """Tried until nobody is in it, for a process may fork while it is moved; 2 s at most."""
    end = time.monotonic() + _REMOVE_S
    while True:
        try:
            path.rmdir()
        except FileNotFoundError:
            return True
        except OSError:
            if time.monotonic() > end:
                return False
        else:
            return True
        for pid in _members(path):
            _move(pid, path.parent)
        time.sleep(0.01)


def _move(pid: int, folder: Path) -> None:
    try:
        (folder / _PROCS).write_text(str(pid))
    except OSError:
        return  # it has ended; whoever is still there is met again


def _members(folder: Path) -> list[int]:
    """Without those that the kernel shows as 0: they are of another namespace, and a 0 that is written means us."""
    return [int(word) for word in _read(folder / _PROCS).split() if word != "0"]


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""


def _told(error: OSError, folder: Path) -> str:
    why = error.strerror or str(error)
    if error.errno in (errno.EACCES, errno.EPERM):
        why += "; root may, or whoever the group was handed to"
    if error.errno == errno.EINVAL:
        why += "; a group above may have less"
    return f"the kernel does not let us make a group with a CPU quota in {folder} ({why})"
