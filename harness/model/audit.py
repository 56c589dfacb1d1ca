"""The deployment checklist: what a target declares for it, and what was found, row by row."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Found = Literal["pass", "fail", "inconclusive", "not_applicable", "declared"]
"""`declared`: somebody says so, nobody measured it."""


@dataclass(frozen=True, slots=True)
class RequestSpec:
    """A request that the user names, as in "GET /users/me"."""

    method: str
    path: str

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


@dataclass(frozen=True, slots=True)
class TokenSpec:
    """How the app's tokens are signed, so that bad ones can be made. `key` may hold `{secret.NAME}`.

    `key_encoding`: the key as it stands ("text"), or the bytes that it encodes ("base64url").
    """

    key: str = field(repr=False)
    key_id: str = ""
    algorithm: str = "HS256"
    key_encoding: Literal["text", "base64url"] = "text"


@dataclass(frozen=True, slots=True)
class AuditSpec:
    """What `[audit]` says. Nothing is needed: what is not declared makes fewer checks apply.

    `required_env`: variables without which the app must not start; None: those of [target.env] that hold an address of
    a part or a secret. `protected`: requests that need a token; empty: those that the app's OpenAPI document marks.
    `ports`: those that the deployment may listen on beside its own. `migrate_down`: the command that takes the last
    migrations back. `proxy_config`: a file of nginx, from the folder of the target file. `declared`: what cannot be
    measured from here, topic to sentence.
    """

    required_env: tuple[str, ...] | None = None
    origins: tuple[str, ...] = ()
    credentials: bool = False
    protected: tuple[RequestSpec, ...] = ()
    tokens: TokenSpec | None = None
    migrate_down: str = ""
    body_max_bytes: int = 0
    ports: tuple[int, ...] = ()
    proxy_config: str = ""
    metrics: str = ""
    error_report_env: str = "SENTRY_DSN"
    declared: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check found. `evidence` holds plain JSON values and no secret; `advice` names the setting to change."""

    check: str
    verdict: Found
    why: str
    evidence: Mapping[str, object] = field(default_factory=dict)
    advice: str = ""


@dataclass(frozen=True, slots=True)
class RowVerdict:
    """One row of the checklist. `asks` is its question."""

    row: str
    asks: str
    verdict: Found
    findings: tuple[Finding, ...]
