"""The monitoring row through the real command: what holds, and each app that deserves to fail."""

import pytest
from audit_rig import APPS, Audited, audit

pytestmark = pytest.mark.real

BAD = {
    "swallowed_errors": {"exception-logged"},
    "telling_reports": {"report-scrubbed"},
    "metrics_by_worker": {"metrics-right"},
}


def test_the_reference_api_reports_what_goes_wrong(reference_audit: Audited) -> None:
    told = reference_audit
    assert told.by_verdict("monitoring", "not_applicable") == {"alerting"}, told.told()


@pytest.mark.parametrize("app", BAD)
def test_each_bad_app_fails_by_what_it_deserves(app: str) -> None:
    told = audit("monitoring", target=APPS / f"{app}.toml")
    assert told.failed("monitoring") == BAD[app], told.told()
    assert told.code == 1
