"""Bearer tokens: JSON Web Tokens, signed with a key that the header names.

Keys are rotated without a sign-out: put the new key first in TOKEN_KEYS, keep the old one behind it until the last
token that it signed has expired, then drop it. All workers and replicas share the keys, so any of them verifies.
"""

import base64
import re
import time
from dataclasses import dataclass, field
from functools import lru_cache

import jwt

ALGORITHM = "HS256"  # never taken from the token: its header is the sender's
CLAIMS = ("sub", "iss", "iat", "nbf", "exp")
SECRET_MIN_BYTES = 32
READ_TOKENS = 1024
KEY_ID = re.compile(r"[A-Za-z0-9._-]{1,32}")
BASE64URL = re.compile(r"[A-Za-z0-9_-]*")
HINT = 'make a secret with python -c "import secrets; print(secrets.token_urlsafe(32))"'

REASONS = {
    jwt.ExpiredSignatureError: "it has expired",
    jwt.ImmatureSignatureError: "it is from the future",
    jwt.InvalidIssuerError: "another issuer made it",
    jwt.InvalidAlgorithmError: "it is not signed with " + ALGORITHM,
    jwt.InvalidSignatureError: "its signature does not fit the key that it names",
    jwt.MissingRequiredClaimError: "a claim is missing",
}


class TokenRejected(Exception):
    """The token proves nothing. The text says why, and holds no part of the token."""


@dataclass(frozen=True, slots=True)
class TokenKey:
    kid: str
    secret: bytes = field(repr=False)


def read_keys(text: str) -> tuple[TokenKey, ...]:
    """The keys of `kid:secret[,kid:secret...]`. An entry is called by its place: even its kid may be a secret."""
    keys = tuple(read_key(entry.strip(), place) for place, entry in enumerate(text.split(","), 1))
    if len({key.kid for key in keys}) != len(keys):
        raise ValueError("two keys have the same id")
    return keys


def read_key(entry: str, place: int) -> TokenKey:
    kid, colon, encoded = entry.partition(":")
    encoded = encoded.rstrip("=")
    if not colon or not KEY_ID.fullmatch(kid):
        raise ValueError(f"entry {place} is not kid:secret, with a kid of letters, digits, . - or _; {HINT}")
    if not BASE64URL.fullmatch(encoded) or len(encoded) % 4 == 1:
        raise ValueError(f"the secret of entry {place} is not base64url; {HINT}")
    secret = base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4))
    if len(secret) < SECRET_MIN_BYTES:
        raise ValueError(f"the secret of entry {place} has fewer than {SECRET_MIN_BYTES} bytes; {HINT}")
    return TokenKey(kid, secret)


@dataclass(frozen=True, slots=True)
class ReadToken:
    user_id: int
    expires_s: float


class Tokens:
    def __init__(self, keys: tuple[TokenKey, ...], issuer: str, lifetime_s: int, leeway_s: int) -> None:
        self.signing = keys[0]
        self.secrets = {key.kid: key.secret for key in keys}
        self.issuer = issuer
        self.lifetime_s = lifetime_s
        self.leeway_s = leeway_s
        # A client sends the same token again and again: its signature is checked once, its times at each request.
        self.read = lru_cache(maxsize=READ_TOKENS)(self.read_anew)

    def issue(self, user_id: int) -> str:
        now_s = int(time.time())
        times = {"iat": now_s, "nbf": now_s, "exp": now_s + self.lifetime_s}
        claims = {"sub": str(user_id), "iss": self.issuer} | times
        return jwt.encode(claims, self.signing.secret, ALGORITHM, headers={"kid": self.signing.kid})

    def verify(self, token: str) -> int:
        """The id of the user whom the token speaks for."""
        known = self.read(token)
        now_s = time.time()
        if now_s >= known.expires_s + self.leeway_s:
            raise TokenRejected(REASONS[jwt.ExpiredSignatureError])
        return known.user_id

    def read_anew(self, token: str) -> "ReadToken":
        """A token that has proved all; refusals are not kept."""
        try:
            kid = jwt.get_unverified_header(token).get("kid")
            if kid not in self.secrets:
                raise TokenRejected("it names no key of ours")
            claims = jwt.decode(
                token,
                self.secrets[kid],
                algorithms=[ALGORITHM],
                issuer=self.issuer,
                leeway=self.leeway_s,
                options={"require": list(CLAIMS)},
            )
        except jwt.PyJWTError as error:
            raise TokenRejected(REASONS.get(type(error), "it cannot be read")) from None
        return ReadToken(read_user_id(claims["sub"]), float(claims["exp"]))


def read_user_id(subject: str) -> int:
    if not re.fullmatch(r"[1-9][0-9]{0,18}", subject) or int(subject) >= 2**63:
        raise TokenRejected("its subject is no user's id")
    return int(subject)
