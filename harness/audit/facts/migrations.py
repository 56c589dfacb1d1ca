"""Who changes the schema, and when; what two setups at once do to each other; what a way back leaves."""

from __future__ import annotations

from dataclasses import dataclass

from harness.model.schema_change import Change as Change


@dataclass(frozen=True, slots=True)
class Boot:
    """Two replicas started at once. `up`: how many of them answered; the rest ended, or did neither in time."""

    database: str  # "empty" or "set up"
    replicas: int
    up: int
    changes: tuple[Change, ...] = ()


@dataclass(frozen=True, slots=True)
class Command:
    """`exit_code` None: it did not end in time. `line`: its last words, without secrets."""

    exit_code: int | None
    took_s: float
    line: str = ""


@dataclass(frozen=True, slots=True)
class Twice:
    """The setup commands twice at once on an empty database, compared with one run of them.

    `missing` and `extra`: lines of the schema's description; `rows`: tables whose number of rows differs, as
    "table: once 3, twice 6".
    """

    runs: tuple[Command, ...]
    changes: int = 0
    missing: tuple[str, ...] = ()
    extra: tuple[str, ...] = ()
    rows: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class WayBack:
    """Up, rows, down, up again. `left`: what `down` leaves of the app; `missing`, `extra`: the second up to the first.

    `up` and `down` are None where it did not come so far.
    """

    command: str
    rows: int = 0
    down: Command | None = None
    left: tuple[str, ...] = ()
    up: Command | None = None
    missing: tuple[str, ...] = ()
    extra: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Migrations:
    """`part` is empty where the target has no PostgreSQL. `why_not`: what kept us from trying."""

    part: str = ""
    why_not: str = ""
    setup: tuple[str, ...] = ()
    boots: tuple[Boot, ...] = ()
    twice: Twice | None = None
    way_back: WayBack | None = None
    staging: str = ""
