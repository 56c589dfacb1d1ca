"""The monitoring row through the real command: what holds, and each app that deserves to fail."""

import pytest
from audit_rig import APPS, Asked, Audited

pytestmark = pytest.mark.real

BAD = {
    "swallowed_errors": {"exception-logged"},
    "telling_reports": {"report-scrubbed"},
    "metrics_by_worker": {"metrics-right"},
}


def test_the_reference_api_reports_what_goes_wrong(reference_audit: Audited) -> None:
    told = reference_audit
    assert told.by_verdict("monitoring", "not_applicable") == {"alerting"}, told.told()


BAD_AUDITS = [(Asked("monitoring", target=APPS / f"{app}.toml"), fails) for app, fails in BAD.items()]


@pytest.mark.parametrize(("audited", "fails"), BAD_AUDITS, indirect=["audited"], ids=BAD)
def test_each_bad_app_fails_by_what_it_deserves(audited: Audited, fails: set[str]) -> None:
    assert audited.failed("monitoring") == fails, audited.told()
    assert audited.code == 1
