"""How the app starts with an environment that is wrong, what lies in its folder, and what its error answers show."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Ended = Literal["exited", "up", "running"]
"""`running`: neither ended nor up when the time was over, as when a supervisor goes on starting workers."""


@dataclass(frozen=True, slots=True)
class Start:
    """One start with a variable taken away, or with a value that is no URL.

    `named`: its output names the variable; `line` is the one that does, without secrets. `told`: the names of secrets
    that its output shows. `failing`: where it came up, the requests that are answered otherwise than with the variable.
    """

    variable: str
    kind: Literal["missing", "malformed"]
    ended: Ended
    took_s: float
    exit_code: int | None = None
    named: bool = False
    line: str = ""
    told: tuple[str, ...] = ()
    failing: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Hit:
    """Something that looks like a secret. `aside`: in tests, documentation or examples. The text itself is not kept."""

    path: str
    line: int
    kind: str
    aside: bool = False


@dataclass(frozen=True, slots=True)
class Tree:
    """The files that were read. `tracked`: those that git keeps; `cut`: there were more than the bounds allow."""

    files: int = 0
    kilobytes: int = 0
    tracked: bool = False
    cut: bool = False
    hits: tuple[Hit, ...] = ()


@dataclass(frozen=True, slots=True)
class ErrorAnswer:
    """An answer to a request that cannot be served. `shows`: kinds of what a stranger must not see. −1: no answer."""

    asked: str
    status: int
    shows: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Configuration:
    """`declared`: the target file names the required variables; else those with an address or a secret were tried."""

    declared: bool = False
    starts: tuple[Start, ...] = ()
    tree: Tree = Tree()
    answers: tuple[ErrorAnswer, ...] = ()
    limit_s: float = 10.0
