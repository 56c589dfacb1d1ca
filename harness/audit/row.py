"""A row of the checklist: an experiment that acts and tells what it saw, and checks that judge it later."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from harness.audit.bench import Bench
from harness.audit.check import Check


@dataclass(frozen=True, slots=True)
class Row:
    """`facts` is the frozen dataclass that `observe` returns and each check takes."""

    name: str
    asks: str
    facts: type[Any]
    observe: Callable[[Bench], Awaitable[Any]]
    checks: tuple[Check[Any], ...]
