"""The checks of the cors row, on what its experiment may have seen."""

from dataclasses import replace

import pytest

from harness.audit.checks.cors import CHECKS
from harness.audit.facts.cors import Cors, CorsAnswer

SHOP = "https://shop.example"
FOREIGN = CorsAnswer("foreign", "https://foreign.test", True, "/menu", 400)
ASKED = CorsAnswer("trusted", SHOP, False, "/menu", 200, SHOP)
PREFLIGHT = CorsAnswer("trusted", SHOP, True, "/menu", 200, SHOP, False, "GET", "Content-Type")
GOOD = Cors((FOREIGN, ASKED, PREFLIGHT), (SHOP,))


def told(facts: Cors) -> dict[str, str]:
    return {check.name: check.judge(facts).verdict for check in CHECKS}


def fails(facts: Cors) -> set[str]:
    return {name for name, verdict in told(facts).items() if verdict == "fail"}


def test_named_origins_with_few_methods_pass() -> None:
    assert set(told(GOOD).values()) == {"pass"}


def test_without_a_declared_origin_only_the_others_are_judged() -> None:
    assert told(Cors((FOREIGN,))) == {
        "foreign-origin-refused": "pass",
        "trusted-origin-let-in": "not_applicable",
        "credentials-restricted": "pass",
        "methods-and-headers-few": "pass",
    }


@pytest.mark.parametrize(
    ("answers", "failed"),
    [
        ((replace(FOREIGN, allow_origin="*"), ASKED), {"foreign-origin-refused"}),
        ((replace(FOREIGN, allow_origin=FOREIGN.origin), ASKED), {"foreign-origin-refused"}),
        ((FOREIGN, replace(ASKED, allow_origin="")), {"trusted-origin-let-in"}),
        ((FOREIGN, replace(ASKED, allow_credentials=True)), {"credentials-restricted"}),
        ((FOREIGN, ASKED, replace(PREFLIGHT, allow_methods="*")), {"methods-and-headers-few"}),
        ((FOREIGN, ASKED, replace(PREFLIGHT, allow_headers="X-Shakedown-Odd")), {"methods-and-headers-few"}),
    ],
)
def test_each_defect_fails_its_check_alone(answers: tuple[CorsAnswer, ...], failed: set[str]) -> None:
    assert fails(Cors(answers, (SHOP,))) == failed


def test_declared_credentials_are_right_but_never_with_any_origin() -> None:
    cookies = replace(ASKED, allow_credentials=True)
    assert fails(Cors((FOREIGN, cookies), (SHOP,), credentials=True)) == set()
    wild = replace(cookies, allow_origin="*")
    assert "credentials-restricted" in fails(Cors((FOREIGN, wild), (SHOP,), credentials=True))


def test_nothing_passes_without_an_answer() -> None:
    silent = tuple(replace(answer, status=-1, allow_origin="") for answer in GOOD.answers)
    assert set(told(Cors(silent, (SHOP,))).values()) == {"inconclusive"}
