"""Tokens of the reference API: which are taken, which are refused and why, and how keys are read and rotated."""

import base64
import json
import time
from collections.abc import Callable
from typing import Any

import jwt
import pytest

from target_api.tokens import TokenKey, TokenRejected, Tokens, read_keys

OLD, NEW, FOREIGN = (TokenKey(kid, kid.encode() * 32) for kid in ("old", "new", "other"))
TOKENS = Tokens((NEW, OLD), issuer="target-api", lifetime_s=900, leeway_s=10)


def claims(**changed: object) -> dict[str, Any]:
    """Good ones but for what is changed; times are seconds from now, None leaves a claim out."""
    good = {"sub": "7", "iss": "target-api", "iat": 0, "nbf": 0, "exp": 900} | changed
    now_s = int(time.time())
    times = {name: now_s + shift for name in ("iat", "nbf", "exp") if isinstance(shift := good[name], int)}
    return {name: times.get(name, value) for name, value in good.items() if value is not None}


def signed(key: TokenKey = NEW, kid: str | None = None, algorithm: str = "HS256", **changed: object) -> str:
    return jwt.encode(claims(**changed), key.secret, algorithm, headers={"kid": kid or key.kid})


def part(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def unsigned(**header: object) -> str:
    return f"{part({'typ': 'JWT'} | header)}.{part(claims())}."


def altered() -> str:
    header, _, signature = signed().split(".")
    return f"{header}.{part(claims(sub='8'))}.{signature}"


def why(token: str, tokens: Tokens = TOKENS) -> str:
    with pytest.raises(TokenRejected) as caught:
        tokens.verify(token)
    return str(caught.value)


def test_a_token_speaks_for_its_user_and_names_the_first_key() -> None:
    token = TOKENS.issue(7)
    assert TOKENS.verify(token) == 7
    assert jwt.get_unverified_header(token) == {"alg": "HS256", "kid": "new", "typ": "JWT"}
    told = jwt.decode(token, options={"verify_signature": False})
    assert set(told) == {"sub", "iss", "iat", "nbf", "exp"}
    assert (told["sub"], told["iss"], told["exp"] - told["iat"]) == ("7", "target-api", 900)


def test_keys_are_rotated_without_a_sign_out() -> None:
    before = Tokens((OLD,), "target-api", 900, 10).issue(7)
    assert TOKENS.verify(before) == 7
    assert why(before, Tokens((NEW,), "target-api", 900, 10)) == "it names no key of ours"


def test_a_clock_may_be_off_by_the_leeway() -> None:
    for token in (signed(exp=-5), signed(nbf=5), signed(iat=5)):
        assert TOKENS.verify(token) == 7


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda: signed(exp=-60), "it has expired"),
        (lambda: signed(nbf=60), "it is from the future"),
        (lambda: signed(iat=60), "it is from the future"),
        (lambda: signed(iss="elsewhere"), "another issuer made it"),
        (lambda: signed(FOREIGN), "it names no key of ours"),
        (lambda: signed(FOREIGN, kid="new"), "its signature does not fit the key that it names"),
        (lambda: signed(OLD, kid="new"), "its signature does not fit the key that it names"),
        (lambda: altered(), "its signature does not fit the key that it names"),
        (lambda: signed(algorithm="HS512"), "it is not signed with HS256"),
        (lambda: unsigned(alg="none", kid="new"), "it is not signed with HS256"),
        (lambda: unsigned(alg="None", kid="new"), "it is not signed with HS256"),
        (lambda: unsigned(alg="none"), "it names no key of ours"),
        (lambda: unsigned(alg="HS256", kid="new"), "its signature does not fit the key that it names"),
        (lambda: signed(sub=None), "a claim is missing"),
        (lambda: signed(iss=None), "a claim is missing"),
        (lambda: signed(iat=None), "a claim is missing"),
        (lambda: signed(nbf=None), "a claim is missing"),
        (lambda: signed(exp=None), "a claim is missing"),
        (lambda: signed(exp="soon"), "it cannot be read"),
        (lambda: signed(sub="admin"), "its subject is no user's id"),
        (lambda: signed(sub="-1"), "its subject is no user's id"),
        (lambda: signed(sub="0"), "its subject is no user's id"),
        (lambda: signed(sub=str(2**63)), "its subject is no user's id"),
        (lambda: signed(sub="٧"), "its subject is no user's id"),
        (lambda: signed(aud="another-service"), "it cannot be read"),
        (lambda: "", "it cannot be read"),
        (lambda: "x", "it cannot be read"),
        (lambda: "a.b.c", "it cannot be read"),
        (lambda: "é.é.é", "it cannot be read"),
        (lambda: unsigned(alg="HS256", kid=7), "it cannot be read"),
        (lambda: unsigned(alg="HS256", kid=["new"]), "it cannot be read"),
        (lambda: f"{part(['new'])}.{part(claims())}.", "it cannot be read"),
    ],
)
def test_what_proves_nothing_is_refused(make: Callable[[], str], reason: str) -> None:
    assert why(make()) == reason


def secret(length: int = 32) -> str:
    return base64.urlsafe_b64encode(bytes(range(200, 200 + length))).decode()


def test_a_token_that_was_read_before_expires_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    tokens = Tokens((NEW,), "target-api", lifetime_s=60, leeway_s=10)
    token = tokens.issue(7)
    assert tokens.verify(token) == 7
    now_s = time.time()
    monkeypatch.setattr("target_api.tokens.time.time", lambda: now_s + 69)
    assert tokens.verify(token) == 7
    monkeypatch.setattr("target_api.tokens.time.time", lambda: now_s + 71)
    with pytest.raises(TokenRejected, match="it has expired"):
        tokens.verify(token)


def test_keys_are_read_in_their_order_with_or_without_padding() -> None:
    keys = read_keys(f"k2:{secret()}, k1:{secret(33).rstrip('=')}")
    assert [(key.kid, len(key.secret)) for key in keys] == [("k2", 32), ("k1", 33)]
    assert "secret" not in repr(keys)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (secret(), "entry 1 is not kid:secret"),
        (f"k1:{secret()},", "entry 2 is not kid:secret"),
        (f"a b:{secret()}", "entry 1 is not kid:secret"),
        (f"k1:{secret(31)}", "the secret of entry 1 has fewer than 32 bytes; make a secret with"),
        (f"k1:{secret()},k2:", "the secret of entry 2 has fewer than 32 bytes; make a secret with"),
        ("k1:" + "not+base64url/" * 8, "the secret of entry 1 is not base64url; make a secret with"),
        ("k1:" + "é" * 48, "the secret of entry 1 is not base64url; make a secret with"),
        (f"k1:{secret()},k1:{secret(40)}", "two keys have the same id"),
    ],
)
def test_wrong_keys_are_told_by_their_place(text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason) as caught:
        read_keys(text)
    assert secret()[:8] not in str(caught.value)
