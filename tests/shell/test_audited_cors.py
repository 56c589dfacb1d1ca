"""The cors row through the real command: whom browsers let in, and each app that lets in too many."""

import pytest
from audit_rig import APPS, Asked, Audited

pytestmark = pytest.mark.real

ROW = "cors"
PAGES = APPS / "pages.toml"
BAD = {
    "pages_cookies": {"foreign-origin-refused", "credentials-restricted"},
    "pages_pattern": {"foreign-origin-refused"},
    "pages_anything": {"methods-and-headers-few"},
}


def test_the_reference_api_lets_nobody_in(reference_audit: Audited) -> None:
    assert reference_audit.failed(ROW) == set(), reference_audit.told()


@pytest.mark.parametrize("audited", [Asked(ROW, target=PAGES)], indirect=True, ids=str)
def test_the_pages_of_the_shop_are_let_in(audited: Audited) -> None:
    assert audited.by_verdict(ROW, "pass") == set(audited.findings(ROW)), audited.told()
    assert audited.code == 0


BAD_AUDITS = [(Asked(ROW, target=PAGES, words=("--set", f"target.app={app}:app")), fails) for app, fails in BAD.items()]


@pytest.mark.parametrize(("audited", "fails"), BAD_AUDITS, indirect=["audited"], ids=BAD)
def test_each_bad_app_fails_by_what_it_deserves(audited: Audited, fails: set[str]) -> None:
    assert audited.failed(ROW) == fails, audited.told()
    assert audited.code == 1
