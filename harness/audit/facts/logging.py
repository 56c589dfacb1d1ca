"""What the deployment has written, and what of it must not be there. Lines are redacted."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Shape:
    """The lines by how they are written. `alike`: structured, with the keys of most for time, level and message."""

    lines: int
    structured: int
    alike: int
    keys: tuple[str, ...] = ()
    first_text: str = ""
    first_unlike: str = ""


@dataclass(frozen=True, slots=True)
class Levels:
    """`known`: lines whose level can be read; `debug`: those below INFO."""

    known: int
    debug: int
    first_debug: str = ""


@dataclass(frozen=True, slots=True)
class LogFile:
    """A file that a process holds open and appends to, or whose name says that it is a log."""

    path: str
    process: str


@dataclass(frozen=True, slots=True)
class Traced:
    """One request, with an id of ours or without one. `header`: which of the answer held the id, empty for none."""

    request: str
    sent: bool
    status: int
    header: str = ""
    logged: bool = False


@dataclass(frozen=True, slots=True)
class PassedOn:
    """Requests with an id of ours that need an HTTP part: how many reached it meanwhile, how many with the id."""

    part: str
    asked: int
    reached: int
    with_id: int


@dataclass(frozen=True, slots=True)
class Leak:
    """A secret in a line, by its name."""

    secret: str
    line: str


@dataclass(frozen=True, slots=True)
class Logging:
    shape: Shape
    levels: Levels
    files: tuple[LogFile, ...]
    traced: tuple[Traced, ...]
    passed_on: tuple[PassedOn, ...]
    requests: int
    answers: int
    searched_lines: int
    searched_for: tuple[str, ...]
    leaks: tuple[Leak, ...]
