"""A toxic, checked before anything is sent: Toxiproxy itself checks nothing.

It takes an unknown attribute as if it were not there, and a slicer without `average_size` ends the whole server.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from harness.errors import UsageError

Stream = Literal["upstream", "downstream"]

NAME = re.compile(r"[A-Za-z0-9_.-]+")
_MOST = 10**9

# type -> attribute -> (least, default); a default of None must be given. Units are Toxiproxy's.
TYPES: Mapping[str, Mapping[str, tuple[int, int | None]]] = {
    "latency": {"latency": (0, None), "jitter": (0, 0)},  # ms
    "bandwidth": {"rate": (0, None)},  # KB/s; 0 stalls
    "slow_close": {"delay": (0, None)},  # ms
    "timeout": {"timeout": (0, None)},  # ms of silence; 0 hangs until it is removed
    "reset_peer": {"timeout": (0, None)},  # ms
    "slicer": {"average_size": (1, None), "size_variation": (0, 0), "delay": (0, 0)},  # bytes, bytes, µs
    "limit_data": {"bytes": (0, None)},
}


@dataclass(frozen=True, slots=True)
class Toxic:
    """`upstream` is from client to server. It holds for every connection (toxicity 1)."""

    name: str
    type: str
    stream: Stream
    attributes: Mapping[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not NAME.fullmatch(self.name):
            raise UsageError(f"The toxic name {self.name!r} may have letters, digits, dot, dash and underscore only.")
        if self.stream not in ("upstream", "downstream"):
            raise UsageError(f"{self.name}: the stream {self.stream!r} is not upstream or downstream.")
        known = TYPES.get(self.type)
        if known is None:
            raise UsageError(f"{self.name}: there is no toxic {self.type!r}; there are {', '.join(TYPES)}.")
        for attribute in self.attributes:
            if attribute not in known:
                raise UsageError(f"{self.name}: {self.type} has no {attribute!r}; it has {', '.join(known)}.")
        for attribute, (least, default) in known.items():
            self._check(attribute, self.attributes.get(attribute, default), least)
        if self.type == "slicer" and self.complete()["size_variation"] >= self.complete()["average_size"]:
            raise UsageError(f"{self.name}: size_variation must be less than average_size.")

    def _check(self, attribute: str, value: int | None, least: int) -> None:
        if value is None:
            raise UsageError(f"{self.name}: {self.type} needs {attribute}.")
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= _MOST:
            raise UsageError(f"{self.name}: {attribute} is a whole number from {least} to {_MOST}, not {value!r}.")

    def complete(self) -> dict[str, int]:
        """All attributes of the type, with the defaults of those that were left out."""
        defaults = {name: default for name, (_, default) in TYPES[self.type].items() if default is not None}
        return {**defaults, **self.attributes}
