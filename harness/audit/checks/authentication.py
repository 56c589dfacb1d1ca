"""Only a valid token gets in, not for ever, and a refusal tells neither the log nor the client what it must not.

A token is refused with 401 or 403 (RFC 6750, section 3.1); a 401 names the scheme in WWW-Authenticate (RFC 9110,
section 15.5.2). Anything else than a refusal means that the token went through: the request was looked at.
"""

from __future__ import annotations

import re

from harness.audit.check import Check, Told, failed, inconclusive, not_applicable, passed
from harness.audit.facts.authentication import Authentication, Tried

LIFETIME_MAX_S = 24 * 3600.0
_DECLARE = "audit.protected"
_NOTHING = "No protected request is known: none is declared, and no OpenAPI document marks one."
_LEAKS = re.compile(
    r"Traceback \(most recent|File \"/|site-packages|\bSELECT\b.+\bFROM\b|postgres(?:ql)?://|BEGIN [A-Z ]*PRIVATE KEY",
    re.DOTALL,
)


def _needs_token(facts: Authentication) -> Told:
    if not facts.source:
        return not_applicable(_NOTHING, _DECLARE)
    asked = facts.of("without")
    wrong = [each for each in asked if 200 <= each.status <= 299 or (each.status >= 500 and not each.unclear)]
    if wrong:
        worst = wrong[0]
        token = "no token" if worst.kind == "none" else "a token that is garbage"
        return failed(
            f"{worst.request} with {token} was answered {worst.status}.",
            "Make the operation depend on the verified token, and answer 401 to whatever cannot be read. An operation"
            " that works without one is named differently: list those that need it in audit.protected.",
            wrong=[_shown(each) for each in wrong],
        )
    refused = [each for each in asked if each.refused]
    if len(refused) < len(asked):
        odd = next(each for each in asked if not each.refused)
        return inconclusive(
            f"{odd.request} was answered {odd.status} without a valid token: neither let in nor 401 or 403.",
            "audit.protected names requests that are answered with 2xx when a token comes with them.",
            odd=[_shown(each) for each in asked if not each.refused],
        )
    requests = sorted({each.request for each in asked})
    return passed(f"{len(requests)} protected requests refuse whoever has no token.", requests=requests)


def _let_in(facts: Authentication) -> Told:
    if not facts.login:
        return not_applicable("No login is declared, so there is no valid token.", "auth")
    if facts.login_failed:
        return failed(facts.login_failed, "Mend the login, or [auth] in the target file.")
    if not facts.source:
        return not_applicable(_NOTHING, _DECLARE)
    asked = facts.of("real")
    answered = [each for each in asked if each.status >= 0]
    if not answered:
        return inconclusive("No request with the valid token was answered.", _DECLARE)
    let_in = [each for each in answered if not each.refused]
    if not let_in or any(each.status == 401 for each in answered):
        worst = next(each for each in answered if each.refused)
        return failed(
            f"{worst.request} with the token of the login was answered {worst.status}.",
            "Look why the app does not take its own token: keys, issuer and clocks of all workers must agree.",
            refused=[_shown(each) for each in answered if each.refused],
        )
    return passed(f"The token of the login opens {let_in[0].request} ({let_in[0].status}).", asked=len(answered))


def _forged(facts: Authentication) -> Told:
    return _all_refused(
        facts,
        facts.of("forged"),
        "forged",
        "Verify the signature with a fixed list of algorithms and a random key of at least 32 bytes; take neither the"
        " algorithm nor the place of the key from the token.",
    )


def _misdated(facts: Authentication) -> Told:
    if not facts.source:
        return not_applicable(_NOTHING, _DECLARE)
    if (why := _without_key(facts)) is not None:
        return why
    return _all_refused(
        facts,
        facts.of("misdated"),
        "properly signed but invalid",
        "Verify exp, nbf and iss, and require them: jwt.decode(…, issuer=…, options={'require': ['exp', 'iss']}).",
    )


def _all_refused(facts: Authentication, asked: list[Tried], what: str, advice: str) -> Told:
    if not facts.source:
        return not_applicable(_NOTHING, _DECLARE)
    if not asked:
        return inconclusive("No protected request refuses those without a token, so that none tells good from bad.")
    taken = [each for each in asked if not each.refused and not each.unclear]
    if taken:
        kinds = ", ".join(each.kind for each in taken)
        return failed(
            f"{len(taken)} of {len(asked)} {what} tokens were not refused: {kinds}"
            f" ({taken[0].request} was answered {taken[0].status}).",
            advice,
            taken=[_shown(each) for each in taken],
        )
    unclear = [each for each in asked if each.unclear]
    if unclear:
        return inconclusive(
            f"{len(unclear)} of {len(asked)} {what} tokens were neither taken nor refused ({unclear[0].status}).",
            unclear=[_shown(each) for each in unclear],
        )
    if what == "forged" and facts.token is None:
        return inconclusive(
            f"All {len(asked)} forged tokens were refused, but their claims were made up: they may have been refused"
            " for those.",
            "auth: with a real token its own claims are forged.",
            kinds=[each.kind for each in asked],
        )
    return passed(f"All {len(asked)} {what} tokens were refused.", kinds=[each.kind for each in asked])


def _without_key(facts: Authentication) -> Told | None:
    """Why tokens could not be signed as the app signs them, if so."""
    if not facts.key:
        return not_applicable("The key of the tokens is not declared.", "audit.tokens.key")
    if facts.key_wrong:
        return inconclusive(f"The key of the tokens cannot be used: {facts.key_wrong}.", "audit.tokens.key_encoding")
    fresh = facts.of("fresh")
    if not fresh or fresh[0].refused or fresh[0].unclear:
        why = f"it was answered {fresh[0].status}" if fresh else "it could not be tried"
        return inconclusive(
            f"A sound token of the declared key is not taken either ({why}), so that a refusal proves nothing.",
            "audit.tokens: key, key_id, key_encoding and algorithm as the app has them; [auth] for its claims.",
        )
    return None


def _skew(facts: Authentication) -> Told:
    if not facts.source:
        return not_applicable(_NOTHING, _DECLARE)
    if (why := _without_key(facts)) is not None:
        return why
    tried = facts.of("skewed")
    if len(tried) != 2 or any(each.unclear for each in tried):
        return inconclusive("The tokens that had just expired were neither taken nor refused.")
    just, late = tried
    if not late.refused:
        return failed(
            f"A token that {late.kind} was answered {late.status}.",
            "Allow for clocks that differ by seconds, not by minutes: a leeway of 5 to 30 s.",
            answered=_shown(late),
        )
    leeway = "refused: there is no leeway, so clocks must agree" if just.refused else "still taken"
    return passed(f"A token that {just.kind} is {leeway}; one that {late.kind} is refused.", leeway=not just.refused)


def _lifetime(facts: Authentication) -> Told:
    if facts.token is None:
        return not_applicable("No token was issued to us.", "auth")
    if not facts.token.jwt:
        return not_applicable("The token is no JSON Web Token: only the app can read when it ends.", "")
    advice = "Issue tokens that expire within minutes or hours, and renew them; set exp in each."
    if not facts.token.expires:
        return failed("The token of the login never expires: it has no exp.", advice)
    if facts.token.lifetime_s is None:
        return failed("The token of the login has an exp that is no number.", advice)
    lifetime_s = facts.token.lifetime_s
    if lifetime_s > LIFETIME_MAX_S:
        return failed(
            f"A token lives for {lifetime_s / 3600:.0f} h, more than {LIFETIME_MAX_S / 3600:.0f} h: whoever finds one"
            " has that long.",
            advice,
            lifetime_s=lifetime_s,
        )
    return passed(f"A token lives for {lifetime_s:g} s.", lifetime_s=lifetime_s)


def _safely(facts: Authentication) -> Told:
    if not facts.source:
        return not_applicable(_NOTHING, _DECLARE)
    refusals = [each for each in facts.tried if each.refused]
    if not refusals:
        return inconclusive("No token was refused, so that no refusal could be looked at.")
    if facts.logged.leaks:
        return failed(
            f"The log holds {', '.join(facts.logged.leaks[:3])}: {facts.logged.leaking_line}",
            "Log why a token is refused, never the token or the Authorization header.",
            leaks=list(facts.logged.leaks),
        )
    telling = [each for each in refusals if each.tells or _LEAKS.search(each.body)]
    if telling:
        return failed(
            f"The answer to {telling[0].kind} tells too much: {', '.join(telling[0].tells) or telling[0].body[:200]}",
            "Answer that the token is not valid, and nothing else; the reason belongs into the log.",
            answers=[{**_shown(each), "body": each.body} for each in telling[:5]],
        )
    mute = [each for each in refusals if each.status == 401 and not each.challenge]
    if mute:
        return failed(
            f"{mute[0].request} answers 401 without WWW-Authenticate.",
            'Send WWW-Authenticate: Bearer with each 401: HTTPException(401, headers={"WWW-Authenticate": "Bearer"}).',
            answers=len(mute),
        )
    logged = f"{facts.logged.about} log lines tell of them" if facts.logged.about else "the log does not mention them"
    return passed(
        f"{len(refusals)} refusals show no token, key or traceback; {logged}.",
        refusals=len(refusals),
        log_lines=facts.logged.lines,
        log_lines_about=facts.logged.about,
    )


def _hashed(facts: Authentication) -> Told:
    stored = facts.stored
    if not stored.sought:
        return not_applicable("There is no login with a password, or no PostgreSQL to look for it.", "auth")
    if stored.found:
        return failed(
            f"The password of the login stands in {', '.join(stored.found[:3])}.",
            "Keep only a slow, salted hash of it: argon2id, scrypt or bcrypt.",
            found=list(stored.found),
        )
    if not stored.values:
        return inconclusive("The app's database holds no text, so that there was nothing to look at.")
    return passed(
        f"The password stands readable in none of {stored.columns} columns ({stored.values} values).",
        columns=stored.columns,
        values=stored.values,
    )


def _shown(tried: Tried) -> dict[str, object]:
    return {"token": tried.kind, "request": tried.request, "status": tried.status}


CHECKS: tuple[Check[Authentication], ...] = (
    Check("needs-token", "Do protected requests refuse whoever has no token?", _needs_token, essential=True),
    Check("valid-token-let-in", "Is a valid token let in?", _let_in),
    Check("forged-refused", "Are tokens refused that somebody without the key has made?", _forged, essential=True),
    Check("expired-refused", "Are expired, early and foreign tokens refused?", _misdated, essential=True),
    Check("clock-skew", "Is the allowance for clocks that differ a small one?", _skew),
    Check("lifetime-fits", "Does a token end soon enough?", _lifetime),
    Check("failures-safe", "Do refusals keep tokens and reasons to themselves?", _safely, essential=True),
    Check("passwords-hashed", "Is the password stored so that nobody can read it?", _hashed),
)
