"""The migrations row through the real command: what holds, and each app that deserves to fail."""

import pytest
from audit_rig import APPS, Asked, Audited

pytestmark = pytest.mark.real

ROW = "migrations"
MEASURED = {"separate-step", "concurrent-safe", "way-back"}


@pytest.mark.parametrize("audited", ["reference_audit", "twin_audit"], indirect=True)
def test_a_healthy_app_leaves_its_schema_to_its_setup(audited: Audited) -> None:
    assert audited.by_verdict(ROW, "pass") == MEASURED, audited.told()
    assert audited.findings(ROW)["way-back"]["evidence"]["rows"] >= 3


@pytest.mark.parametrize("audited", [Asked(ROW, target=APPS / "tables_at_start.toml")], indirect=True, ids=str)
def test_an_app_that_makes_its_tables_at_start_fails(audited: Audited) -> None:
    assert audited.failed(ROW) == {"separate-step"}, audited.told()
    assert audited.by_verdict(ROW, "not_applicable") >= {"concurrent-safe", "way-back"}
    assert audited.code == 1


@pytest.mark.parametrize("audited", [Asked(ROW, target=APPS / "unlocked_setup.toml")], indirect=True, ids=str)
def test_a_setup_that_cannot_run_twice_at_once_fails(audited: Audited) -> None:
    """To look whether a table is there and then to make it is no lock: both runs find none."""
    assert audited.failed(ROW) == {"concurrent-safe"}, audited.told()


HALF_WAY = ("--set", "audit.migrate_down=python half_way_back.py")


@pytest.mark.parametrize("audited", [Asked(ROW, target=APPS / "bookings.toml", words=HALF_WAY)], indirect=True, ids=str)
def test_a_way_back_that_leaves_a_table_fails(audited: Audited) -> None:
    assert audited.failed(ROW) == {"way-back"}, audited.told()
    assert any("rooms" in line for line in audited.findings(ROW)["way-back"]["evidence"]["left"])
