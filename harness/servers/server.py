"""What a server is to the harness: how it is started, what its options mean, and which of its processes are workers.

A server is a value made of pure functions. What only the app's own interpreter can know (which options its version
takes, what a configuration file says) is asked with `question`, a program text that this interpreter runs;
`harness.resolve` asks it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from harness.model.known_limit import KnownLimit
from harness.model.target import Scalar, Target
from harness.model.trial import ServerSettings


class Note(NamedTuple):
    """A line of the server's log that means something. `pid` is −1 where the line names none."""

    what: str
    pid: int


Argv = Callable[[Target, str, int, int, Sequence[str]], list[str]]


@dataclass(frozen=True, slots=True)
class Server:
    """One kind of server.

    `table` is the name of its table of options in a target file; kinds of one program share it. `ours` maps each option
    that is not the user's to the reason; `fixed` are options that make it this kind. `argv(target, host, port, workers,
    flags)` is its command line; `flags` come from the answer to `question`.
    `supervised(workers)`: is there a supervisor above that many workers, or is the process itself the worker?
    `is_worker(command)`: is a direct child of the supervisor with that command line a worker?
    `settings(answer, workers)` reads the settings in force out of the answer. `takes` names the operations that its
    supervisor knows a signal for, as faults of `server` are called.
    """

    id: str
    table: str
    install: str
    ours: Mapping[str, str]
    question: str
    argv: Argv
    supervised: Callable[[int], bool]
    is_worker: Callable[[str], bool]
    note: Callable[[str], Note | None]
    settings: Callable[[Mapping[str, Any], int], ServerSettings]
    fixed: Mapping[str, Scalar] = field(default_factory=dict)
    takes: tuple[str, ...] = ()
    known_limits: tuple[KnownLimit, ...] = ()

    def why_not(self, operation: str, workers: int) -> str:
        """Why its supervisor cannot be asked for an operation; empty where it can."""
        if not self.supervised(workers):
            return f"{self.id} with one worker has no supervisor"
        return "" if operation in self.takes else f"{self.id} knows no signal for it"

    def limits_for(self, versions: Mapping[str, str], flags: Sequence[str] = ()) -> tuple[KnownLimit, ...]:
        """The known limits that were seen with these versions of its programs, where its flags do not mend them."""
        return tuple(limit for limit in self.known_limits if limit.holds_for(versions, flags))

    def options(self, target: Target, config: Mapping[str, Scalar]) -> dict[str, Scalar]:
        """The options of the target file, then those of a trial's configuration (`gunicorn.timeout`)."""
        prefix = f"{self.table}."
        varied = {key.removeprefix(prefix): value for key, value in config.items() if key.startswith(prefix)}
        return {**target.options.get(self.table, {}), **varied}


def is_helper(command: str) -> bool:
    """Processes that multiprocessing keeps beside the workers."""
    return any(word in command for word in ("resource_tracker", "multiprocessing.forkserver"))


def read_line(line: str, patterns: Sequence[tuple[str, re.Pattern[str]]]) -> Note | None:
    """The first pattern that is found, with the pid in its first group, if any."""
    for what, pattern in patterns:
        if found := pattern.search(line):
            pid = found.group(1) if pattern.groups else None
            return Note(what, int(pid) if pid else -1)
    return None
