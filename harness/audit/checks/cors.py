"""Only trusted origins, credentials only where they are declared, few methods and headers.

A browser keeps an answer from a script unless `Access-Control-Allow-Origin` names its origin or is `*` (the Fetch
standard, "CORS check"). An app without any CORS header lets nobody in, which is right where no origin is declared.
"""

from __future__ import annotations

from harness.audit.check import Check, Told, failed, inconclusive, not_applicable, passed
from harness.audit.facts.cors import Cors, CorsAnswer

_DECLARE = "audit.cors.origins"
_ADVICE = "Name each trusted origin in allow_origins of CORSMiddleware: no *, no pattern, no echo of what was sent."


def _foreign(facts: Cors) -> Told:
    asked = [answer for answer in facts.answers if answer.kind != "trusted"]
    answered = [answer for answer in asked if answer.status >= 0]
    if not answered:
        return inconclusive("No request with a foreign origin was answered.")
    let_in = [answer for answer in answered if answer.let_in]
    if let_in:
        worst = let_in[0]
        return failed(
            f"{len(let_in)} of {len(answered)} requests of origins that nobody trusts were let in: {worst.origin} got"
            f" Access-Control-Allow-Origin: {worst.allow_origin} on {worst.path}.",
            _ADVICE,
            let_in=[_shown(answer) for answer in let_in[:10]],
        )
    return passed(
        f"None of {len(answered)} requests of foreign origins was let in.",
        origins=sorted({answer.origin for answer in answered}),
    )


def _trusted(facts: Cors) -> Told:
    if not facts.origins:
        return not_applicable("No trusted origin is declared.", _DECLARE)
    asked = [answer for answer in facts.answers if answer.kind == "trusted" and not answer.preflight]
    answered = [answer for answer in asked if answer.status >= 0]
    if not answered:
        return inconclusive("No request of a trusted origin was answered.")
    shut_out = [answer for answer in answered if not answer.let_in]
    if shut_out:
        return failed(
            f"The trusted origin {shut_out[0].origin} is not let in.",
            "Add it to allow_origins, or take it out of audit.cors.origins.",
            shut_out=[_shown(answer) for answer in shut_out[:10]],
        )
    return passed(f"{', '.join(facts.origins)} is let in.", origins=list(facts.origins))


def _credentials(facts: Cors) -> Told:
    answered = [answer for answer in facts.answers if answer.status >= 0]
    if not answered:
        return inconclusive("No request with an origin was answered.")
    sent = [answer for answer in answered if answer.let_in and answer.allow_credentials]
    if sent and not facts.credentials:
        return failed(
            f"Cookies are taken from {sent[0].origin} (Access-Control-Allow-Credentials: true), and nobody declared"
            " that they are needed.",
            "Set allow_credentials=False, or audit.cors.credentials = true where browsers must send cookies.",
            sent=[_shown(answer) for answer in sent[:10]],
        )
    wild = [answer for answer in answered if answer.allow_credentials and answer.allow_origin == "*"]
    if wild:
        return failed("Credentials are allowed together with any origin.", _ADVICE, wild=[_shown(wild[0])])
    return passed("Credentials are allowed only where that is declared.", answers=len(answered))


def _few(facts: Cors) -> Told:
    answered = [answer for answer in facts.answers if answer.preflight and answer.status >= 0]
    if not answered:
        return inconclusive("No preflight was answered.")
    preflights = [answer for answer in answered if answer.let_in]
    if not preflights:
        return passed("No preflight was let in, so no method and no header is open.", preflights=0)
    wide = [
        answer
        for answer in preflights
        if "*" in (answer.allow_methods.strip(), answer.allow_headers.strip())
        or "x-shakedown-odd" in answer.allow_headers.lower()
        or "TRACE" in answer.allow_methods
    ]
    if wide:
        return failed(
            f"A preflight allows any method or header: methods {wide[0].allow_methods or 'none'},"
            f" headers {wide[0].allow_headers or 'none'}.",
            "List the methods and headers that browsers need in allow_methods and allow_headers; no *.",
            wide=[_shown(answer) for answer in wide[:10]],
        )
    return passed(
        "Only listed methods and headers are allowed.",
        methods=preflights[0].allow_methods,
        headers=preflights[0].allow_headers,
    )


def _shown(answer: CorsAnswer) -> dict[str, object]:
    return {
        "origin": answer.origin,
        "path": answer.path,
        "preflight": answer.preflight,
        "allow_origin": answer.allow_origin,
        "allow_credentials": answer.allow_credentials,
    }


CHECKS: tuple[Check[Cors], ...] = (
    Check("foreign-origin-refused", "Is an origin that nobody trusts kept out?", _foreign, essential=True),
    Check("trusted-origin-let-in", "Is a trusted origin let in?", _trusted),
    Check("credentials-restricted", "Are cookies taken only where that is declared?", _credentials, essential=True),
    Check("methods-and-headers-few", "Are only the needed methods and headers allowed?", _few),
)
