"""The health row through the real command: what holds, and each app that deserves to fail."""

import pytest
from audit_rig import APPS, Asked, Audited

pytestmark = pytest.mark.real

BAD = {
    "hanging_readiness": {"readiness-bounded"},
    "liveness_on_database": {"liveness-at-once"},
}


def test_the_reference_api_is_healthy(reference_audit: Audited) -> None:
    told = reference_audit
    assert told.by_verdict("health", "pass") == {
        "liveness-at-once",
        "readiness-flips",
        "readiness-bounded",
        "readiness-without-dependency",
        "short-timeouts",
    }, told.told()


def test_a_readiness_that_says_yes_whatever_the_database_does_fails(static_audit: Audited) -> None:
    assert static_audit.failed("health") == {"readiness-flips", "readiness-bounded"}, static_audit.told()
    assert static_audit.code == 1


BAD_AUDITS = [(Asked("health", target=APPS / f"{app}.toml"), fails) for app, fails in BAD.items()]


@pytest.mark.parametrize(("audited", "fails"), BAD_AUDITS, indirect=["audited"], ids=BAD)
def test_each_bad_app_fails_by_what_it_deserves(audited: Audited, fails: set[str]) -> None:
    assert audited.failed("health") == fails, audited.told()
    assert audited.code == 1


SELDOM = Asked("health", words=("--set", "target.env.READY_INTERVAL_S=20"))


@pytest.mark.parametrize("audited", [SELDOM], indirect=True, ids=str)
def test_a_readiness_that_looks_too_seldom_is_late(audited: Audited) -> None:
    assert {"readiness-flips"} <= audited.failed("health"), audited.told()
