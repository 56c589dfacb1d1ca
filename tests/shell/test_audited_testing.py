"""The testing row through the real command; and a healthy app of another domain, which no row may accuse."""

import pytest
from audit_rig import Asked, Audited

pytestmark = pytest.mark.real

SETTINGS = {
    # An unknown path is a wrong answer alone and under load.
    "load.requests.0.path=/nowhere": {"smoke", "load-baseline"},
    # A tenth of the requests waits for a dependency that takes longer than the SLO gives.
    "parts.pricing.routes.0.latency_ms=400": {"load-baseline"},
}


def test_the_reference_api_is_tried(reference_audit: Audited) -> None:
    told = reference_audit
    assert told.by_verdict("testing", "declared") == {"ci", "migrations-tried"}, told.told()


AUDITS = [(Asked("testing", words=("--set", setting)), fails) for setting, fails in SETTINGS.items()]


@pytest.mark.parametrize(("audited", "fails"), AUDITS, indirect=["audited"], ids=SETTINGS)
def test_what_is_asked_and_not_kept_fails(audited: Audited, fails: set[str]) -> None:
    assert audited.failed("testing") == fails, audited.told()
    assert audited.code == 1


def test_a_healthy_app_is_not_accused(twin_audit: Audited) -> None:
    told = twin_audit
    for row in ("health", "monitoring", "testing"):
        assert told.failed(row) == set(), told.told()
    # It reports nowhere, and a row that was not tried has not passed.
    assert "exception-reported" in told.by_verdict("monitoring", "not_applicable")
    assert told.by_verdict("monitoring", "pass") >= {"exception-logged", "errors-not-told"}, told.told()
