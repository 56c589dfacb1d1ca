"""A change of a database's schema."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Change:
    """One change that PostgreSQL told us of."""

    command: str
    thing: str
    application: str
    pid: int
