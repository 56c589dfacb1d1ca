"""Children of the harness: started with a line in the ledger, a token, and a signal at the harness's death.

Spawn from the main thread only: the kernel ties the death signal to the thread that forked.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import pwd
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from signal import SIGKILL, SIGTERM
from typing import IO

from harness.errors import MachineError
from harness.ledger import LEDGER, TOKEN, Ledger
from harness.system.proc import Stat, all_stats, descendants, has_mark, is_same, read_stat

_LAUNCH = str(Path(__file__).with_name("launch.py"))


@dataclass(frozen=True, slots=True)
class Owner:
    """A user to run as; PostgreSQL refuses to run as root."""

    uid: int
    gid: int

    @classmethod
    def nobody(cls) -> Owner:
        entry = pwd.getpwnam("nobody")
        return cls(entry.pw_uid, entry.pw_gid)


class Process:
    """A child of ours. Signals go to it only while pid and start time match."""

    def __init__(self, name: str, popen: subprocess.Popen[bytes], start: int, ledger: Ledger, entry: int) -> None:
        self.name, self.popen, self.start = name, popen, start
        self._ledger, self._entry = ledger, entry

    @property
    def pid(self) -> int:
        return self.popen.pid

    @property
    def exit_code(self) -> int | None:
        """None while it runs. Reaps."""
        code = self.popen.poll()
        if code is not None and self._entry:
            self._ledger.ended(self._entry)
            self._entry = 0
        return code

    @property
    def alive(self) -> bool:
        return self.exit_code is None

    def stat(self) -> Stat | None:
        return read_stat(self.pid)

    def children(self) -> list[Stat]:
        return descendants(self.pid)

    def signal(self, number: int) -> None:
        """Send a signal; nothing happens when it has ended."""
        if self.alive:
            self.popen.send_signal(number)

    async def wait(self, timeout_s: float) -> int | None:
        """The exit code, or None when it still runs after `timeout_s`."""
        end = time.monotonic() + timeout_s
        while (code := self.exit_code) is None:
            if time.monotonic() >= end:
                return None
            await asyncio.sleep(0.02)
        return code

    async def end(self, *, first: int = SIGTERM, grace_s: float = 2.0) -> int:
        """Ask to end, then kill: the process and what is left of its session."""
        self.signal(first)
        code = await self.wait(grace_s)
        kill_session(self.pid)
        if code is None:
            self.signal(SIGKILL)
            code = await self.wait(5.0)
        return code if code is not None else -1


def kill_session(session: int) -> None:
    """SIGKILL every process of a session that one of our children leads, again until none is left (T03)."""
    for _ in range(50):
        left = [stat for stat in all_stats() if stat.session == session and stat.pid != session and stat.alive]
        if not left:
            return
        for stat in left:
            if is_same(stat.pid, stat.start):
                _kill(stat.pid)
        time.sleep(0.01)


def _kill(pid: int) -> None:
    try:
        os.kill(pid, SIGKILL)
    except ProcessLookupError:
        return


def marked(token: str, name: str = TOKEN) -> list[Stat]:
    """Living processes that carry `name=token` in their environment (by default: of a run), ourselves left out."""
    mark = f"{name}={token}".encode()
    return [stat for stat in all_stats() if stat.alive and stat.pid != os.getpid() and has_mark(stat.pid, mark)]


class Spawner:
    """Starts children for one run. `cpus` are those of children that have none of their own; empty for any."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self.cpus: tuple[int, ...] = ()

    def spawn(
        self,
        argv: Sequence[str],
        *,
        name: str,
        env: Mapping[str, str],
        cwd: Path,
        log: Path | None = None,
        pipes: bool = False,
        owner: Owner | None = None,
        umask: int = 0o077,
        death_signal: int = SIGKILL,
        heal_signal: int = SIGKILL,
        cpus: tuple[int, ...] = (),
    ) -> Process:
        """Start a program in a session of its own.

        `env` is the whole environment (the token is added). Output goes to `log` (appended); with `pipes` stdin and
        stdout are pipes and only stderr goes there. `death_signal` comes when the harness dies, `heal_signal` is the
        first one that `heal` sends. `cpus` are all that it and its children may use, where the spawner
        is not to decide.
        """
        entry = self.ledger.intend("process", name, heal_signal=heal_signal)
        who = owner or Owner(-1, -1)
        command = [sys.executable, "-I", "-S", _LAUNCH, str(os.getpid()), str(int(death_signal))]
        command += [str(who.uid), str(who.gid), str(umask), "--", *argv]
        out: IO[bytes] | int = log.open("ab") if log else subprocess.DEVNULL
        try:
            popen = subprocess.Popen(
                command,
                env={**env, TOKEN: self.ledger.token},
                cwd=cwd,
                stdin=subprocess.PIPE if pipes else subprocess.DEVNULL,
                stdout=subprocess.PIPE if pipes else out,
                stderr=out,
                start_new_session=True,
                close_fds=True,
            )
        except OSError as error:
            self.ledger.ended(entry)
            raise MachineError(f"{name} could not be started: {error}.") from error
        finally:
            if not isinstance(out, int):
                out.close()
        if cpus or self.cpus:
            with contextlib.suppress(OSError):  # one that is gone already needs none
                os.sched_setaffinity(popen.pid, cpus or self.cpus)
        stat = read_stat(popen.pid)
        start = stat.start if stat else -1
        self.ledger.began(entry, pid=popen.pid, start=start)
        return Process(name, popen, start, self.ledger, entry)


def clean_env(**extra: str) -> dict[str, str]:
    """What any process needs and nothing else: PATH, HOME, LANG, TZ of ours, plus `extra`."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TZ") if name in os.environ}
    kept.setdefault("PATH", "/usr/local/bin:/usr/bin:/bin")
    kept.pop(LEDGER, None)
    return {**kept, **extra}
