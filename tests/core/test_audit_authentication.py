"""What is said of a service whose door was tried, by tables of what was seen; and the tokens that were tried."""

import dataclasses
import re
from typing import Any

import jwt
import pytest

from harness.audit import bad_tokens
from harness.audit.check import Told
from harness.audit.checks.authentication import CHECKS
from harness.audit.facts.authentication import Authentication, Logged, RealToken, Stored, Tried
from harness.audit.password_scan import passwords_in, readable_forms
from harness.audit.protected import find_protected
from harness.model.audit import RequestSpec, TokenSpec

ME, NOW = "GET /users/me", 1_800_000_000
KEY = b"k" * 32
SPEC = TokenSpec(key="", key_id="k1")
CLAIMS = {"sub": "7", "iss": "shop", "iat": NOW - 60, "nbf": NOW - 60, "exp": NOW + 840}


def no(group: Any, kind: str, status: int = 401, **more: Any) -> Tried:
    return Tried(group, kind, ME, status, "Bearer" if status == 401 else "", **more)


SOUND = Authentication(
    source="declared",
    tried=(
        no("without", "none"),
        no("without", "garbage"),
        no("real", "real", 200),
        no("forged", "alg none"),
        no("forged", "of another key"),
        no("fresh", "fresh", 200),
        no("misdated", "expired 10 minutes ago"),
        no("skewed", "expired 2 s ago", 200),
        no("skewed", "expired 300 s ago"),
    ),
    login=True,
    token=RealToken(True, "HS256", True, 900.0),
    key=True,
    logged=Logged(20, 9),
    stored=Stored(True, 4, 12),
)


def answered(facts: Authentication, kind: str, status: int, **more: Any) -> Authentication:
    """The same, but that one token was answered otherwise."""
    tried = [dataclasses.replace(each, status=status, **more) if each.kind == kind else each for each in facts.tried]
    assert tried != list(facts.tried)
    return dataclasses.replace(facts, tried=tuple(tried))


def without(facts: Authentication, *groups: str) -> Authentication:
    return dataclasses.replace(facts, tried=tuple(each for each in facts.tried if each.group not in groups))


def but(**changes: Any) -> Authentication:
    return dataclasses.replace(SOUND, **changes)


def told(name: str, facts: Authentication) -> Told:
    return next(check for check in CHECKS if check.name == name).judge(facts)


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.name)
def test_a_sound_door_passes_and_nothing_is_asked_of_an_app_without_one(check: Any) -> None:
    assert check.judge(SOUND).verdict == "pass"
    nothing = check.judge(Authentication(source=""))
    assert nothing.verdict == "not_applicable"
    assert nothing.advice


CASES: tuple[tuple[str, str, Authentication, str], ...] = (
    ("needs-token", "fail", answered(SOUND, "none", 200), "no token was answered 200"),
    ("needs-token", "fail", answered(SOUND, "garbage", 500), "garbage was answered 500"),
    ("needs-token", "inconclusive", answered(SOUND, "none", 404), "404"),
    ("needs-token", "inconclusive", answered(SOUND, "none", -1), "-1"),
    ("valid-token-let-in", "fail", answered(SOUND, "real", 401), "answered 401"),
    ("valid-token-let-in", "fail", but(login_failed="The login was answered 500."), "answered 500"),
    ("valid-token-let-in", "inconclusive", answered(SOUND, "real", -1), "No request"),
    ("valid-token-let-in", "pass", answered(SOUND, "real", 404), "404"),
    ("forged-refused", "fail", answered(SOUND, "alg none", 200), "alg none"),
    ("forged-refused", "fail", answered(SOUND, "of another key", 500), "of another key"),
    ("forged-refused", "inconclusive", answered(SOUND, "alg none", 429), "neither"),
    ("forged-refused", "inconclusive", but(token=None), "made up"),
    ("forged-refused", "inconclusive", without(SOUND, "forged"), "tells good from bad"),
    ("expired-refused", "fail", answered(SOUND, "expired 10 minutes ago", 200), "expired 10 minutes ago"),
    ("expired-refused", "not_applicable", but(key=False), "not declared"),
    ("expired-refused", "inconclusive", answered(SOUND, "fresh", 401), "proves nothing"),
    ("expired-refused", "inconclusive", but(key_wrong="it is not base64url"), "base64url"),
    ("expired-refused", "inconclusive", without(SOUND, "forged", "fresh", "misdated"), "could not be tried"),
    ("clock-skew", "fail", answered(SOUND, "expired 300 s ago", 200), "300 s ago"),
    ("clock-skew", "pass", answered(SOUND, "expired 2 s ago", 401), "no leeway"),
    ("clock-skew", "inconclusive", answered(SOUND, "expired 2 s ago", -1), "neither"),
    ("clock-skew", "not_applicable", but(key=False), "not declared"),
    ("lifetime-fits", "fail", but(token=RealToken(True, "HS256", True, 30 * 86400.0)), "720 h"),
    ("lifetime-fits", "fail", but(token=RealToken(True, "HS256")), "never expires"),
    ("lifetime-fits", "not_applicable", but(token=RealToken(False)), "no JSON Web Token"),
    ("failures-safe", "fail", but(logged=Logged(3, 3, ("token alg none",), "refused ‹token alg none›")), "log holds"),
    ("failures-safe", "fail", answered(SOUND, "none", 401, body="Traceback (most recent call last)"), "tells too much"),
    ("failures-safe", "fail", answered(SOUND, "none", 401, tells=("audit.tokens.key",)), "audit.tokens.key"),
    ("failures-safe", "fail", answered(SOUND, "none", 401, challenge=""), "WWW-Authenticate"),
    ("failures-safe", "pass", answered(SOUND, "none", 403, challenge=""), "refusals"),
    ("failures-safe", "pass", but(logged=Logged()), "does not mention"),
    ("failures-safe", "inconclusive", but(tried=(no("without", "none", 200),)), "No token was refused"),
    ("passwords-hashed", "fail", but(stored=Stored(True, 4, 12, ("users.password in the clear",))), "users.password"),
    ("passwords-hashed", "inconclusive", but(stored=Stored(True, 4, 0)), "no text"),
    ("passwords-hashed", "not_applicable", but(stored=Stored()), "no login"),
)


@pytest.mark.parametrize(("name", "verdict", "facts", "words"), CASES)
def test_what_was_seen_is_judged(name: str, verdict: str, facts: Authentication, words: str) -> None:
    found = told(name, facts)
    assert (found.verdict, words in found.why) == (verdict, True), found
    assert found.advice or verdict in ("pass", "inconclusive", "not_applicable")


def real() -> bad_tokens.Jwt:
    found = bad_tokens.read_jwt(jwt.encode(CLAIMS, KEY, "HS256", headers={"kid": "k1"}))
    assert found is not None
    return found


def opens(token: str, **asked: Any) -> bool:
    """Would an app that does it right take it? PyJWT, which did not make the token, is asked."""
    options: Any = {"require": ["exp", "iss"], "verify_exp": False, "verify_nbf": False, "verify_iat": False} | asked
    try:
        jwt.decode(token, KEY, algorithms=["HS256"], issuer="shop", options=options)
    except jwt.PyJWTError:
        return False
    return True


def test_a_token_made_by_hand_is_one() -> None:
    assert real().claims == CLAIMS
    assert opens(bad_tokens.fresh(real(), SPEC, KEY, NOW))
    assert opens(bad_tokens.fresh(real(), SPEC, KEY, 2_000_000_000), verify_exp=True)


def test_no_forged_token_opens_anything_and_each_is_another() -> None:
    made = bad_tokens.forged(real(), NOW)
    assert len(set(made.values())) == len(made) >= 13
    assert [kind for kind, token in made.items() if opens(token)] == []
    headers = {kind: jwt.get_unverified_header(token) for kind, token in made.items()}
    assert headers["alg none"]["alg"] == "none"
    assert headers["with SQL as kid"]["kid"] == bad_tokens.SQL_KID
    changed = bad_tokens.read_jwt(made["with another subject"])
    assert changed is not None
    assert (changed.claims["sub"], changed.signature) == ("8", real().signature)


def test_weak_keys_are_really_used() -> None:
    made = bad_tokens.forged(real(), NOW)["of the well-known key 'changeme'"]
    header, claims = made.split(".")[:2]
    assert made == bad_tokens.signed(
        jwt.get_unverified_header(made), bad_tokens.plausible_claims(real(), NOW), b"changeme"
    )
    assert header
    assert claims


def test_misdated_tokens_are_well_signed_and_wrong_in_one_thing() -> None:
    made = bad_tokens.misdated(real(), SPEC, KEY, NOW)
    signed_well = {kind: opens(token, require=[], verify_iss=False) for kind, token in made.items()}
    assert set(signed_well.values()) == {True}
    assert {kind for kind, token in made.items() if not opens(token)} == {"without an expiry", "of another issuer"}
    expiries = {kind: claims_of(token).get("exp", 0) - NOW for kind, token in made.items()}
    assert expiries["expired 10 minutes ago"] == -600
    assert claims_of(made["valid in 10 minutes only"])["nbf"] == NOW + 600


def test_without_an_issuer_in_real_tokens_none_is_asked_of_forged_ones() -> None:
    plain = bad_tokens.Jwt({"alg": "HS256"}, {"sub": "7", "exp": NOW}, "x")
    assert "of another issuer" not in bad_tokens.misdated(plain, SPEC, KEY, NOW)
    assert bad_tokens.forged(None, NOW)["alg none"].endswith(".")


def test_skewed_tokens_say_how_late_they_are() -> None:
    made = bad_tokens.skewed(real(), SPEC, KEY, NOW)
    assert {ago_s: claims_of(token)["exp"] for ago_s, token in made.items()} == {2: NOW - 2, 300: NOW - 300}


def claims_of(token: str) -> dict[str, Any]:
    found: dict[str, Any] = jwt.decode(token, options={"verify_signature": False})
    return found


@pytest.mark.parametrize("token", ["", "opaque", "a.b.c", "e30.e30", "e30.e30.x", "W10.e30.x"])
def test_what_is_no_token_is_not_read(token: str) -> None:
    assert bad_tokens.read_jwt(token) is None


def test_keys_are_read_as_they_are_encoded() -> None:
    assert bad_tokens.key_bytes(TokenSpec("a-_A", key_encoding="base64url"), "a-_A") == b"k\xef\xc0"
    assert bad_tokens.key_bytes(TokenSpec("a-_A"), "a-_A") == b"a-_A"
    with pytest.raises(ValueError, match=r"."):
        bad_tokens.key_bytes(TokenSpec("!", key_encoding="base64url"), "!!!!")


def operation(security: Any = None, *parameters: dict[str, Any]) -> dict[str, Any]:
    return {"parameters": list(parameters)} | ({} if security is None else {"security": security})


BEARER: list[dict[str, list[str]]] = [{"bearer": []}]
WHOLE = {"type": "integer"}


@pytest.mark.parametrize(
    ("document", "found"),
    [
        ({}, []),
        (None, []),
        ({"paths": {"/open": {"get": operation()}}}, []),
        ({"paths": {"/maybe": {"get": operation([{}, {"bearer": []}])}}}, []),
        ({"security": BEARER, "paths": {"/all": {"get": operation()}, "/but": {"get": operation([])}}}, ["GET /all"]),
        (
            {
                "paths": {
                    "/b": {"post": operation(BEARER)},
                    "/a": {"delete": operation(BEARER), "get": operation(BEARER)},
                }
            },
            ["GET /a", "POST /b", "DELETE /a"],
        ),
        (
            {
                "paths": {
                    "/x/{id}": {
                        "parameters": [{"name": "id", "in": "path", "schema": WHOLE}],
                        "get": operation(BEARER, {"name": "q", "in": "query", "required": True, "schema": {}}),
                        "delete": operation(BEARER),
                    }
                }
            },
            ["GET /x/1?q=1", "DELETE /x/2147483000"],
        ),
        ({"paths": {f"/{n}": {"get": operation(BEARER)} for n in range(9)}}, [f"GET /{n}" for n in range(5)]),
    ],
)
def test_openapi_says_what_is_protected(document: Any, found: list[str]) -> None:
    assert [str(each) for each in find_protected(document)] == found
    assert all(isinstance(each, RequestSpec) for each in find_protected(document))


def test_the_password_of_a_login_is_found_in_its_body() -> None:
    assert passwords_in("username=load&password=long%2Denough") == ("long-enough",)
    assert passwords_in('{"user": "load", "Pass": "long-enough", "n": 1}') == ("long-enough",)
    assert passwords_in("username=load&password=short") == ()
    assert passwords_in("[1]") == passwords_in("") == ()


def test_readable_forms_are_those_of_the_password() -> None:
    forms = readable_forms("long-enough")
    assert forms["in the clear"] == "long-enough"
    assert forms["as base64"] == "bG9uZy1lbm91Z2g="
    assert re.fullmatch("[0-9a-f]{64}", forms["as SHA256 without a salt"])
