"""JSON Web Tokens made by hand: the ones that a library refuses to make are those that an app must refuse to take.

Only the HMAC algorithms are signed here. A token of another algorithm is forged with HS256, as an attacker would.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from harness.model.audit import TokenSpec

WEAK_KEYS = ("secret", "changeme", "", "your-256-bit-secret")
PATH_KID = "../../../../../../dev/null"  # a key read from there is empty
SQL_KEY = "shakedown"
SQL_KID = f"none' UNION SELECT '{SQL_KEY}"
AWAY_S = 600  # beyond any leeway that is one
LATE_S, SKEW_S = 300, 2
_DIGESTS = {"HS256": hashlib.sha256, "HS384": hashlib.sha384, "HS512": hashlib.sha512}

Claims = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Jwt:
    """A real token, taken apart."""

    header: Claims
    claims: Claims
    signature: str = field(repr=False)


def read_jwt(token: str) -> Jwt | None:
    """None where it is no JSON Web Token: then only its issuer can read it."""
    parts = token.split(".")
    if len(parts) != 3:
        return None
    header, claims = _parse(parts[0]), _parse(parts[1])
    if header is None or claims is None or "alg" not in header:
        return None
    return Jwt(header, claims, parts[2])


def signed(header: Claims, claims: Claims, key: bytes) -> str:
    text = f"{_encode(header)}.{_encode(claims)}"
    digest = hmac.new(key, text.encode("ascii"), _DIGESTS[header["alg"]]).digest()
    return f"{text}.{_base64url(digest)}"


def with_signature(header: Claims, claims: Claims, signature: str) -> str:
    return f"{_encode(header)}.{_encode(claims)}.{signature}"


def key_bytes(spec: TokenSpec, key: str) -> bytes:
    """The key of [audit.tokens], its `{secret.NAME}` filled in. ValueError where it is not what `key_encoding` says."""
    if spec.key_encoding == "text":
        return key.encode()
    return base64.b64decode(key.rstrip("=") + "=" * (-len(key.rstrip("=")) % 4), altchars=b"-_", validate=True)


def plausible_claims(real: Jwt | None, now_s: int) -> dict[str, Any]:
    """Those of the real token with fresh times; made up where there is none."""
    claims: dict[str, Any] = dict(real.claims) if real else {"sub": "1", "nbf": now_s}
    times = {name: now_s for name in ("iat", "nbf") if name in claims or name == "iat"}
    return claims | times | {"exp": now_s + AWAY_S}


def forged(real: Jwt | None, now_s: int) -> dict[str, str]:
    """What somebody makes who knows no key: by the name of the trick."""
    header = dict(real.header) if real else {"alg": "HS256", "typ": "JWT"}
    hmac_header = header if header.get("alg") in _DIGESTS else {**header, "alg": "HS256"}
    claims = plausible_claims(real, now_s)
    made = {f"alg {alg}": with_signature({**header, "alg": alg}, claims, "") for alg in ("none", "None", "NONE")}
    made["without a signature"] = with_signature(header, claims, "")
    made["of another key"] = signed(hmac_header, claims, secrets.token_bytes(32))
    for weak in WEAK_KEYS:
        made[f"of the well-known key {weak!r}"] = signed(hmac_header, claims, weak.encode())
    made["with an unknown kid"] = signed({**hmac_header, "kid": "shakedown-unknown"}, claims, secrets.token_bytes(32))
    made["with a path as kid"] = signed({**hmac_header, "kid": PATH_KID}, claims, b"")
    made["with SQL as kid"] = signed({**hmac_header, "kid": SQL_KID}, claims, SQL_KEY.encode())
    if real:
        other = {**real.claims, "sub": _other(real.claims.get("sub"))}
        made["with another subject"] = with_signature(real.header, other, real.signature)
    return made


def misdated(real: Jwt | None, spec: TokenSpec, key: bytes, now_s: int) -> dict[str, str]:
    """Tokens of the app's own key that it must refuse, by what is wrong; another issuer where tokens name one."""
    header, claims = _own_header(real, spec), plausible_claims(real, now_s)
    past = {name: now_s - 2 * AWAY_S for name in ("iat", "nbf") if name in claims}
    without = {name: value for name, value in claims.items() if name != "exp"}
    wrong: dict[str, dict[str, Any]] = {
        f"expired {AWAY_S // 60} minutes ago": claims | past | {"exp": now_s - AWAY_S},
        f"valid in {AWAY_S // 60} minutes only": claims
        | {"iat": now_s + AWAY_S, "nbf": now_s + AWAY_S, "exp": now_s + 2 * AWAY_S},
        "without an expiry": without,
    }
    if "iss" in claims:
        wrong["of another issuer"] = claims | {"iss": "https://issuer.shakedown.test"}
    if "aud" in claims:
        wrong["for another audience"] = claims | {"aud": "shakedown-other"}
    return {kind: signed(header, body, key) for kind, body in wrong.items()}


def skewed(real: Jwt | None, spec: TokenSpec, key: bytes, now_s: int) -> dict[int, str]:
    """Tokens that have just expired, and some minutes ago: by the seconds since."""
    header, claims = _own_header(real, spec), plausible_claims(real, now_s)
    past = {name: now_s - AWAY_S for name in ("iat", "nbf") if name in claims}
    return {ago_s: signed(header, claims | past | {"exp": now_s - ago_s}, key) for ago_s in (SKEW_S, LATE_S)}


def fresh(real: Jwt | None, spec: TokenSpec, key: bytes, now_s: int) -> str:
    """As the app would make it: while this is not taken, no refusal of another proves anything."""
    return signed(_own_header(real, spec), plausible_claims(real, now_s), key)


def _own_header(real: Jwt | None, spec: TokenSpec) -> dict[str, Any]:
    header = dict(real.header) if real else {"typ": "JWT"}
    return header | {"alg": spec.algorithm} | ({"kid": spec.key_id} if spec.key_id else {})


def _other(subject: object) -> object:
    if isinstance(subject, str) and subject.isdigit():
        return str(int(subject) + 1)
    return subject + 1 if isinstance(subject, int) else f"{subject}-other"


def _parse(part: str) -> dict[str, Any] | None:
    try:
        value = json.loads(base64.b64decode(part + "=" * (-len(part) % 4), altchars=b"-_", validate=True))
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def _encode(value: Claims) -> str:
    return _base64url(json.dumps(dict(value), separators=(",", ":")).encode())


def _base64url(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode("ascii")
