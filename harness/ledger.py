"""What a run made that must not outlive it, on disk: one JSON line for each step, written before and after.

    {"do": "run",    "token": …, "guardian": pid, "boot": …, "pids": …}   which kernel counted the pids that follow
    {"do": "intend", "id": 1, "what": "process", "name": "postgres"}     before the child exists
    {"do": "began",  "id": 1, "pid": 123, "start": 4567, …}             after; start is the kernel's start time
    {"do": "ended",  "id": 1}                                            gone, nothing to heal

Every process of a run carries the token in its environment (SHAKEDOWN_TOKEN), so that a child whose `began` was never
written is found too. A ledger lies outside the run directory, in the state folder, so that `heal` finds it; the run
holds a lock on it while it lives (flock, which ends with its holders).
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from harness.errors import MachineError

TOKEN = "SHAKEDOWN_TOKEN"
LEDGER = "SHAKEDOWN_LEDGER"


def state_dir() -> Path:
    """Where ledgers lie: `$SHAKEDOWN_STATE`, else `$XDG_STATE_HOME/shakedown`, else `~/.local/state/shakedown`."""
    chosen = os.environ.get("SHAKEDOWN_STATE")
    if chosen:
        return Path(chosen)
    base = os.environ.get("XDG_STATE_HOME") or str(Path.home() / ".local" / "state")
    return Path(base) / "shakedown"


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that may have to be healed: a process, a directory, a database."""

    id: int
    what: str
    name: str
    detail: Mapping[str, object]

    def number(self, key: str) -> int:
        value = self.detail.get(key, -1)
        return value if isinstance(value, int) else -1

    def text(self, key: str) -> str:
        return str(self.detail.get(key, ""))


class Ledger:
    """Appends to one run's ledger. Each line is one write, so that a cut leaves whole lines before it."""

    def __init__(self, path: Path, token: str, fd: int) -> None:
        self.path, self.token, self._fd = path, token, fd
        self._next = 1

    @classmethod
    def create(cls) -> Ledger:
        """A new ledger, locked by this process and by whoever inherits its descriptor."""
        folder, token = state_dir(), secrets.token_hex(8)
        path = folder / f"{token}.ledger"
        unlocked = folder / f"{token}.new"  # under a name that `heal` does not look at: it would take us for dead
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            fd = os.open(unlocked, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_APPEND, 0o600)
            fcntl.flock(fd, fcntl.LOCK_EX)
            unlocked.rename(path)
        except OSError as error:
            why = f"The state folder {folder} cannot be written: {error.strerror}."
            raise MachineError(f"{why} SHAKEDOWN_STATE names another.") from error
        return cls(path, token, fd)

    @classmethod
    def join(cls, path: Path, fd: int) -> Ledger:
        """Go on with a ledger whose locked descriptor was inherited."""
        ledger = cls(path, path.stem, fd)
        os.set_inheritable(fd, False)
        ledger._next = 1 + max((entry.id for entry in open_entries(path)), default=0)
        return ledger

    def fileno(self) -> int:
        return self._fd

    def write(self, **line: object) -> None:
        try:
            os.write(self._fd, json.dumps(line).encode() + b"\n")
        except OSError as error:
            raise MachineError(f"The ledger {self.path} cannot be written: {error.strerror}.") from error

    def intend(self, what: str, name: str, **detail: object) -> int:
        """Say that something is about to exist; returns its id."""
        number, self._next = self._next, self._next + 1
        self.write(do="intend", id=number, what=what, name=name, **detail)
        return number

    def began(self, number: int, **detail: object) -> None:
        self.write(do="began", id=number, **detail)

    def ended(self, number: int) -> None:
        """Where it cannot be said (a full disk), an end goes on all the same: `heal` looks who is alive."""
        with contextlib.suppress(MachineError):
            self.write(do="ended", id=number)

    def close(self) -> None:
        """All is healed: the ledger has done its work."""
        self.path.unlink(missing_ok=True)
        os.close(self._fd)


def this_machine() -> dict[str, str]:
    """Which kernel, since which boot, in which namespace: a pid and a start time mean something only there."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return {"boot": boot, "pids": os.readlink("/proc/self/ns/pid")}
    except OSError:
        return {}


def is_of_this_machine(path: Path) -> bool:
    """Were the pids of this ledger counted by the kernel, and since the boot, that we run on?"""
    noted = next((line for line in read_lines(path) if line.get("do") == "run"), {})
    return all(noted.get(key, value) == value for key, value in this_machine().items())


def read_lines(path: Path) -> list[dict[str, object]]:
    """The whole lines of a ledger; a last line that was cut is left out. One that is healed has none."""
    lines: list[dict[str, object]] = []
    try:
        written = path.read_bytes()
    except FileNotFoundError:
        return lines
    for raw in written.split(b"\n"):
        try:
            line = json.loads(raw)
        except ValueError:
            continue
        if isinstance(line, dict):
            lines.append(line)
    return lines


def open_entries(path: Path) -> list[Entry]:
    """What was intended or begun and not said to be ended, in the order of its making."""
    found: dict[int, dict[str, object]] = {}
    for line in read_lines(path):
        number = line.get("id")
        if not isinstance(number, int):
            continue
        if line.get("do") == "ended":
            found.pop(number, None)
        else:
            found.setdefault(number, {}).update(line)
    return [Entry(number, str(kept.get("what")), str(kept.get("name")), kept) for number, kept in found.items()]


def is_live(path: Path) -> bool:
    """Does the run of this ledger still hold its lock?"""
    try:
        fd = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    else:
        return False
    finally:
        os.close(fd)
