"""Reading one table of a target file: each value is taken by its key and checked, each problem is collected.

A reader asks for the keys it knows and then calls `done`, which tells the keys that nobody asked for. So the keys that
are accepted stand in one place only: where they are read. Values are shown in a problem only where they cannot be a
secret.
"""

from __future__ import annotations

import difflib
import json
import math
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeGuard

from harness.model.target import Scalar

Check = Callable[[str], str | None]
"""Gives what is accepted when a text is wrong, else None."""


@dataclass(slots=True)
class Problems:
    """What is wrong so far: dotted key and sentence."""

    found: list[tuple[str, str]] = field(default_factory=list)

    def add(self, key: str, says: str) -> None:
        self.found.append((key, says))


def show(value: object) -> str:
    """A wrong value, short enough for a sentence."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int) and value.bit_length() > 64:
        return "a very large number"
    if isinstance(value, int | float | str):
        text = repr(value)
        return text if len(text) <= 60 else f"{text[:57]}…"
    if isinstance(value, dict):
        return "a table"
    return "a list" if isinstance(value, list) else "a date or time"


def suggest(word: str, known: Collection[str]) -> str:
    """`did you mean X?` or all that there is."""
    near = difflib.get_close_matches(word[:200], known, n=1)
    return f"did you mean {near[0]}?" if near else f"accepted: {', '.join(known) or 'none'}"


def is_number(value: object) -> TypeGuard[int | float]:
    """A finite number that a float can hold; TOML has nan, inf and numbers of any size."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return abs(value) < 1e15 and math.isfinite(value)


class Table:
    """A table at `path`. `secret`: its values are never shown."""

    def __init__(self, path: str, raw: object, problems: Problems, *, secret: bool = False) -> None:
        self.path, self.problems, self.secret = path, problems, secret
        self.known: list[str] = []
        self.raw: dict[str, Any] = raw if isinstance(raw, dict) else {}
        if not isinstance(raw, dict):
            problems.add(path, f"is {self._shown(raw)}; accepted: a table")

    def key(self, name: str) -> str:
        return f"{self.path}.{name}" if self.path else name

    def wrong(self, name: str, says: str) -> None:
        self.problems.add(self.key(name), says)

    def has(self, name: str) -> bool:
        """Counts as asking for the key."""
        if name not in self.known:
            self.known.append(name)
        return name in self.raw

    def _shown(self, value: object) -> str:
        return "something else" if self.secret else show(value)

    def _unfit(self, name: str, accepted: str, *, hide: bool = False) -> None:
        value = "something else" if hide else self._shown(self.raw[name])
        self.wrong(name, f"is {value}; accepted: {accepted}")

    def text(self, name: str, default: str | None = None, check: Check | None = None, *, hide: bool = False) -> str:
        """A text; required when there is no default."""
        if not self.has(name):
            if default is None:
                self.wrong(name, "is missing")
            return default or ""
        value = self.raw[name]
        if not isinstance(value, str) or "\0" in value:
            self._unfit(name, "text", hide=hide)
            return default or ""
        accepted = check(value) if check else None
        if accepted is not None:
            self._unfit(name, accepted, hide=hide)
        return value

    def number(self, name: str, default: float, low: float, high: float, *, above: bool = False) -> float:
        """`above`: more than `low`, else `low` is accepted too."""
        if not self.has(name):
            return default
        value = self.raw[name]
        if is_number(value) and (low < value <= high if above else low <= value <= high):
            return float(value)
        span = f"more than {low:g}, at most {high:g}" if above else f"{low:g} to {high:g}"
        self._unfit(name, f"a number, {span}")
        return default

    def whole(self, name: str, default: int, low: int, high: int) -> int:
        if not self.has(name):
            return default
        value = self.raw[name]
        if isinstance(value, int) and not isinstance(value, bool) and low <= value <= high:
            return value
        self._unfit(name, f"a whole number, {low} to {high}")
        return default

    def truth(self, name: str, default: bool) -> bool:
        if not self.has(name):
            return default
        value = self.raw[name]
        if isinstance(value, bool):
            return value
        self._unfit(name, "true or false")
        return default

    def texts(self, name: str, default: tuple[str, ...] = ()) -> tuple[str, ...]:
        if not self.has(name):
            return default
        value = self.raw[name]
        if isinstance(value, list) and all(isinstance(item, str) and "\0" not in item for item in value):
            return tuple(value)
        self._unfit(name, 'a list of texts, as in ["a", "b"]')
        return default

    def wholes(self, name: str) -> tuple[int, ...]:
        value = self.raw[name] if self.has(name) else []
        if isinstance(value, list) and all(isinstance(item, int) and not isinstance(item, bool) for item in value):
            return tuple(value)
        self._unfit(name, "a list of whole numbers, as in [1, 2]")
        return ()

    def names(self, name: str, default: tuple[str, ...], known: Collection[str]) -> tuple[str, ...]:
        """A list of names, each of which must be one of `known`."""
        found = self.texts(name, default)
        for word in found:
            if word not in known:
                self.wrong(name, f"names {show(word)}, which is no part of this target; {suggest(word, known)}")
        return tuple(dict.fromkeys(found))

    def table(self, name: str, *, secret: bool = False) -> Table:
        """A table inside; empty when it is not there."""
        return Table(self.key(name), self.raw[name] if self.has(name) else {}, self.problems, secret=secret)

    def tables(self, name: str) -> list[Table]:
        """An array of tables: each has its index in its path."""
        if not self.has(name):
            return []
        value = self.raw[name]
        if not isinstance(value, list):
            self._unfit(name, f"an array of tables, each under [[{self.key(name)}]]")
            return []
        return [Table(f"{self.key(name)}[{i}]", item, self.problems) for i, item in enumerate(value)]

    def json(self, name: str) -> str | None:
        """A value as JSON text; None when it is not there, or what JSON cannot say: dates, nan, numbers without end."""
        if not self.has(name):
            return None
        try:
            return json.dumps(self.raw[name], allow_nan=False)
        except (TypeError, ValueError, RecursionError):
            self.wrong(name, "holds what JSON cannot say; accepted: texts, finite numbers, true, false, lists, tables")
            return None

    def scalars(self) -> dict[str, Scalar]:
        """Every value of a table whose keys are not ours to know."""
        for name, value in self.raw.items():
            if not isinstance(value, str | bool) and not is_number(value):
                self.wrong(name, f"is {self._shown(value)}; accepted: text, a number, true or false")
        return {name: value for name, value in self.raw.items() if isinstance(value, str | int | float | bool)}

    def done(self, *, later: Mapping[str, str] | None = None) -> None:
        """Tell unknown keys, and those that are known but not supported yet (`later`: key to what is accepted)."""
        for name in self.raw:
            if later and name in later:
                self.wrong(name, f"is not supported yet; accepted: {later[name]}")
            elif name not in self.known:
                self.wrong(_plain(name), f"is no key of a target file: {suggest(name, self.known)}")


def _plain(name: str) -> str:
    """A key as it can stand in a sentence."""
    return name if len(name) <= 60 and name.isprintable() else repr(name[:57]) + "…"
