"""The errors of the harness, by who must act.

    HarnessError
    ├── UsageError      64  your command line or your file: what, where, and what is accepted
    ├── TargetError      1  the app: its setup command failed, or it does not start
    ├── MachineError     3  this machine: a part that cannot be had, a port, a disk, a part that died
    ├── HealError        4  something of a run may be left: what, and how to clean it
    └── Interrupted  130/143  whoever sent SIGINT or SIGTERM: what there is of the run

Each message is one paragraph for a person. What the app does wrong while it is watched is no error: it is recorded and
judged.
"""

from __future__ import annotations


class HarnessError(Exception):
    """Base of all errors that end a command; `exit_code` and `kind` are the command's contract."""

    exit_code = 3
    kind = "error"


class UsageError(HarnessError):
    exit_code = 64
    kind = "usage"


class TargetError(HarnessError):
    exit_code = 1
    kind = "target"


class MachineError(HarnessError):
    exit_code = 3
    kind = "machine"


class HealError(HarnessError):
    exit_code = 4
    kind = "heal"


class Interrupted(HarnessError):
    kind = "interrupted"

    def __init__(self, message: str, number: int) -> None:
        super().__init__(message)
        self.exit_code = 128 + number
