"""The health row through the real command: what holds, and each app that deserves to fail."""

import pytest
from audit_rig import APPS, Audited, audit

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


@pytest.mark.parametrize("app", BAD)
def test_each_bad_app_fails_by_what_it_deserves(app: str) -> None:
    told = audit("health", target=APPS / f"{app}.toml")
    assert told.failed("health") == BAD[app], told.told()
    assert told.code == 1


def test_a_readiness_that_looks_too_seldom_is_late() -> None:
    told = audit("health", words=("--set", "target.env.READY_INTERVAL_S=20"))
    assert {"readiness-flips"} <= told.failed("health"), told.told()
