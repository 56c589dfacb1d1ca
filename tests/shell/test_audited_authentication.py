"""The row `authentication` through the real command: whose door is sound, and whose is not, by which check."""

import pytest
from audit_rig import APPS, Audited, audit

pytestmark = pytest.mark.real

DOOR = APPS / "door.toml"
DEFECTS = {
    "door_unsigned": {"forged-refused"},
    "door_open": {"needs-token"},
    "door_logging": {"failures-safe"},
    "door_lasting": {"lifetime-fits"},
    # Nothing in the token is looked at: neither that it is too late by ten minutes nor that it is by five.
    "door_expired": {"expired-refused", "clock-skew"},
}


def test_the_reference_api_passes(reference_audit: Audited) -> None:
    audited = reference_audit
    assert audited.by_verdict("authentication", "pass") == set(audited.findings("authentication")), audited.told()


def test_another_sound_door_is_not_accused() -> None:
    """It has no database, so that nobody can look how it stores its password."""
    audited = audit("authentication", target=DOOR)
    findings = set(audited.findings("authentication"))
    assert audited.by_verdict("authentication", "pass") == findings - {"passwords-hashed"}, audited.told()
    assert audited.by_verdict("authentication", "not_applicable") == {"passwords-hashed"}, audited.told()


@pytest.mark.parametrize("app", DEFECTS)
def test_a_defect_is_caught_by_its_check_and_by_no_other(app: str) -> None:
    audited = audit("authentication", target=DOOR, words=("--set", f"target.app={app}:app"))
    assert audited.failed("authentication") == DEFECTS[app], audited.told()
    assert audited.code == 1


def test_a_password_that_can_be_read_is_found() -> None:
    audited = audit("authentication", target=APPS / "door_readable.toml")
    assert audited.failed("authentication") == {"passwords-hashed"}, audited.told()
    assert "guests.password in the clear" in audited.findings("authentication")["passwords-hashed"]["why"]


def test_an_app_without_a_door_is_told_what_to_declare(twin_audit: Audited) -> None:
    audited = twin_audit
    assert audited.by_verdict("authentication", "not_applicable") == set(audited.findings("authentication"))
