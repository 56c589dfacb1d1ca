"""What the app says to preflights and to requests of several origins."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class CorsAnswer:
    """One request with an Origin. `status` −1: no answer. Header values are empty where the header is absent.

    `kind`: "foreign", "null", "lookalike" or "trusted".
    """

    kind: str
    origin: str
    preflight: bool
    path: str
    status: int
    allow_origin: str = ""
    allow_credentials: bool = False
    allow_methods: str = ""
    allow_headers: str = ""

    @property
    def let_in(self) -> bool:
        """Would a browser hand the answer to a script of that origin?"""
        return self.allow_origin in ("*", self.origin)


@dataclass(frozen=True, slots=True)
class Cors:
    answers: tuple[CorsAnswer, ...]
    origins: tuple[str, ...] = ()
    credentials: bool = False
