"""What the app says to requests without a token, with a real one, and with forged ones; and what it keeps and tells.

No token is kept, only its kind.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Group = Literal["without", "real", "fresh", "forged", "misdated", "skewed"]
REFUSED = (401, 403)
UNCLEAR = (-1, 429, 502, 503, 504)


@dataclass(frozen=True, slots=True)
class Tried:
    """One protected request. `status` −1: no answer. `kind` names the token: "none", "garbage", "alg none" …

    `body` is the beginning of the answer, redacted; `tells` names the secrets that stood in the whole of it.
    """

    group: Group
    kind: str
    request: str
    status: int
    challenge: str = ""
    body: str = ""
    tells: tuple[str, ...] = ()

    @property
    def refused(self) -> bool:
        return self.status in REFUSED

    @property
    def unclear(self) -> bool:
        """Neither let in nor refused: no answer, or too many requests."""
        return self.status in UNCLEAR


@dataclass(frozen=True, slots=True)
class RealToken:
    """The token of the login. `jwt` False: only the app can read it. Times in seconds; None: it has no such claim."""

    jwt: bool
    algorithm: str = ""
    expires: bool = False
    lifetime_s: float | None = None


@dataclass(frozen=True, slots=True)
class Logged:
    """What the service wrote while bad tokens came. `leaks`: names of tokens and secrets that stood in it."""

    lines: int = 0
    about: int = 0
    leaks: tuple[str, ...] = ()
    leaking_line: str = ""


@dataclass(frozen=True, slots=True)
class Stored:
    """Where the login's password was looked for: text columns of the app's databases. `found`: column and form."""

    sought: bool = False
    columns: int = 0
    values: int = 0
    found: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Authentication:
    """`source` says who named the protected requests: "declared", "openapi" or nothing.

    `login_failed`: why the login of [auth] gave no token. `key_wrong`: why the key of [audit.tokens] cannot be used.
    """

    source: str
    tried: tuple[Tried, ...] = ()
    login: bool = False
    login_failed: str = ""
    token: RealToken | None = None
    key: bool = False
    key_wrong: str = ""
    logged: Logged = Logged()
    stored: Stored = Stored()

    def of(self, *groups: Group) -> list[Tried]:
        return [each for each in self.tried if each.group in groups]
