"""The cors row through the real command: whom browsers let in, and each app that lets in too many."""

import pytest
from audit_rig import APPS, Audited, audit

pytestmark = pytest.mark.real

ROW = "cors"
BAD = {
    "pages_cookies": {"foreign-origin-refused", "credentials-restricted"},
    "pages_pattern": {"foreign-origin-refused"},
    "pages_anything": {"methods-and-headers-few"},
}


def test_the_reference_api_lets_nobody_in(reference_audit: Audited) -> None:
    assert reference_audit.failed(ROW) == set(), reference_audit.told()


def test_the_pages_of_the_shop_are_let_in() -> None:
    told = audit(ROW, target=APPS / "pages.toml")
    assert told.by_verdict(ROW, "pass") == set(told.findings(ROW)), told.told()
    assert told.code == 0


@pytest.mark.parametrize("app", BAD)
def test_each_bad_app_fails_by_what_it_deserves(app: str) -> None:
    told = audit(ROW, target=APPS / "pages.toml", words=("--set", f"target.app={app}:app"))
    assert told.failed(ROW) == BAD[app], told.told()
    assert told.code == 1
