"""The row `authentication` through the real command: whose door is sound, and whose is not, by which check."""

import pytest
from audit_rig import APPS, Asked, Audited

pytestmark = pytest.mark.real

ROW = "authentication"
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
    assert audited.by_verdict(ROW, "pass") == set(audited.findings(ROW)), audited.told()


@pytest.mark.parametrize("audited", [Asked(ROW, target=DOOR)], indirect=True, ids=str)
def test_another_sound_door_is_not_accused(audited: Audited) -> None:
    """It has no database, so that nobody can look how it stores its password."""
    findings = set(audited.findings(ROW))
    assert audited.by_verdict(ROW, "pass") == findings - {"passwords-hashed"}, audited.told()
    assert audited.by_verdict(ROW, "not_applicable") == {"passwords-hashed"}, audited.told()


BAD = [(Asked(ROW, target=DOOR, words=("--set", f"target.app={app}:app")), fails) for app, fails in DEFECTS.items()]


@pytest.mark.parametrize(("audited", "fails"), BAD, indirect=["audited"], ids=DEFECTS)
def test_a_defect_is_caught_by_its_check_and_by_no_other(audited: Audited, fails: set[str]) -> None:
    assert audited.failed(ROW) == fails, audited.told()
    assert audited.code == 1


@pytest.mark.parametrize("audited", [Asked(ROW, target=APPS / "door_readable.toml")], indirect=True, ids=str)
def test_a_password_that_can_be_read_is_found(audited: Audited) -> None:
    assert audited.failed(ROW) == {"passwords-hashed"}, audited.told()
    assert "guests.password in the clear" in audited.findings(ROW)["passwords-hashed"]["why"]


def test_an_app_without_a_door_is_told_what_to_declare(twin_audit: Audited) -> None:
    audited = twin_audit
    assert audited.by_verdict(ROW, "not_applicable") == set(audited.findings(ROW))
