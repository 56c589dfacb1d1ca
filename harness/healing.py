"""Lift what a run left: end its processes, remove its folders, from its ledger alone.

Nothing is signalled whose pid and start time, token or session do not match, and nothing at all where the pids of the
ledger are those of another boot or of another container.
"""

from __future__ import annotations

import os
import shutil
import signal
import time
from dataclasses import dataclass
from pathlib import Path

from harness.ledger import Entry, is_live, is_of_this_machine, open_entries, state_dir
from harness.system.cpu_group import remove_of_run
from harness.system.mounts import unmount
from harness.system.proc import Stat, all_stats, descendants, is_same
from harness.system.process import marked

_GENTLE_S = 1.5


@dataclass(frozen=True, slots=True)
class Healed:
    """What was ended and removed, and what could not be."""

    processes: tuple[str, ...]
    folders: tuple[str, ...]
    left: tuple[str, ...]


def _signal(pid: int, start: int, number: int) -> None:
    if is_same(pid, start):
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            return


def _reap() -> None:
    """Collect ended children that became ours as their subreaper; only the guardian has any."""
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        return


def _of_run(entries: list[Entry], token: str) -> list[Stat]:
    """Living processes of the run: recorded ones, all of their sessions, all that carry the token, and their children.

    Children too: what writes its title over its environment, as PostgreSQL's backends do, has no token.
    """
    recorded = {(entry.number("pid"), entry.number("start")) for entry in entries if entry.what == "process"}
    stats = all_stats()
    leaders = {stat.pid: stat.start for stat in stats}
    # A leader that began at another time is a stranger who got the pid: then the session is his.
    since = {pid: start for pid, start in recorded if leaders.get(pid, start) == start}
    found = {stat.pid: stat for stat in marked(token)}
    for stat in stats:
        if not stat.alive or stat.pid == os.getpid():
            continue
        in_session = stat.session in since and stat.start >= since[stat.session]
        if (stat.pid, stat.start) in recorded or in_session:
            found[stat.pid] = stat
    for pid in list(found):
        found |= {child.pid: child for child in descendants(pid, stats) if child.pid != os.getpid()}
    return list(found.values())


def heal(path: Path, *, deadline_s: float = 4.0) -> Healed:
    """Heal one run; its ledger is removed when nothing is left. Safe to repeat."""
    entries, token = open_entries(path), path.stem
    ended, alive = _end_processes(entries, token, deadline_s) if is_of_this_machine(path) else ([], [])
    _unmount(entries)
    folders, left = _remove_folders(entries)
    left += _remove_groups(entries, token)
    left += [f"process {stat.pid} ({_name(stat, entries)})" for stat in alive]
    if not left:
        path.unlink(missing_ok=True)
    # Said once: what is on the user's server is his to drop, and a ledger cannot learn that he did.
    left += [_database(entry) for entry in entries if entry.what == "database"]
    return Healed(tuple(ended), tuple(folders), tuple(left))


def _end_processes(entries: list[Entry], token: str, deadline_s: float) -> tuple[list[str], list[Stat]]:
    """The names of those that were ended, and those that would not."""
    ended: dict[int, str] = {}
    began = time.monotonic()
    while alive := _of_run(entries, token):
        waited = time.monotonic() - began
        if waited > deadline_s:
            break
        gentle = _gentle(entries) if waited < _GENTLE_S else {}
        # Whoever is asked gently ends its own children, and what it left in its session ends by itself.
        theirs = {child.pid for pid in gentle for child in descendants(pid)} - gentle.keys()
        for stat in alive:
            ended.setdefault(stat.pid, _name(stat, entries))
            if stat.pid in gentle:
                _signal(stat.pid, stat.start, gentle[stat.pid])
            elif stat.pid not in theirs and stat.session not in gentle:
                _signal(stat.pid, stat.start, signal.SIGKILL)
            if stat.state == "T":
                _signal(stat.pid, stat.start, signal.SIGCONT)  # a fault froze it, and until then it hears nothing
        _reap()
        time.sleep(0.05)
    _reap()
    return list(ended.values()), alive


def _gentle(entries: list[Entry]) -> dict[int, int]:
    """Processes that are asked to end before they are killed, and by which signal.

    PostgreSQL, for one, leaves its shared memory behind when it is killed; initdb's children, too, are such.
    """
    asked: dict[int, int] = {}
    for entry in entries:
        pid, number = entry.number("pid"), entry.number("heal_signal")
        if entry.what == "process" and pid > 0 and number not in (-1, signal.SIGKILL):
            asked[pid] = number
    return asked


def _database(entry: Entry) -> str:
    """On the user's own server; the ledger holds no address and no password, so the drop is the user's."""
    return f"{entry.text('object')} {entry.name} on the server of the part {entry.text('part')} (drop it there)"


def _name(stat: Stat, entries: list[Entry]) -> str:
    by_pid = {entry.number("pid"): entry.name for entry in entries}
    return by_pid.get(stat.pid) or by_pid.get(stat.session) or "child"


def _unmount(entries: list[Entry]) -> None:
    """Disks of ours; the folder that they were mounted in is removed after that."""
    for entry in entries:
        path = Path(entry.text("path"))
        if entry.what == "mount" and path.is_absolute() and path.parent.name.startswith("shakedown-"):
            unmount(path)


def _remove_groups(entries: list[Entry], token: str) -> list[str]:
    """Control groups of ours; what lives in one goes back to the group above it. Those that stay are returned."""
    paths = [Path(entry.text("path")) for entry in entries if entry.what == "cpu-group"]
    return [f"control group {path}" for path in paths if not remove_of_run(path, token)]


def _remove_folders(entries: list[Entry]) -> tuple[list[str], list[str]]:
    removed: list[str] = []
    left: list[str] = []
    for entry in entries:
        folder = Path(entry.text("path"))
        if entry.what != "folder" or not folder.is_absolute() or not folder.name.startswith("shakedown-"):
            continue
        shutil.rmtree(folder, ignore_errors=True)
        (left if folder.exists() else removed).append(f"folder {folder}" if folder.exists() else str(folder))
    return removed, left


def dead_ledgers() -> list[Path]:
    """Ledgers of runs that no longer live."""
    return [path for path in sorted(state_dir().glob("*.ledger")) if not is_live(path)]
