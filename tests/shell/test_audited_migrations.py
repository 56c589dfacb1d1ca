"""The migrations row through the real command: what holds, and each app that deserves to fail."""

from pathlib import Path

import pytest
from audit_rig import APPS, Audited, audit

pytestmark = pytest.mark.real

ROW = "migrations"
MEASURED = {"separate-step", "concurrent-safe", "way-back"}


@pytest.mark.parametrize("audited", ["reference_audit", "twin_audit"])
def test_a_healthy_app_leaves_its_schema_to_its_setup(audited: str, request: pytest.FixtureRequest) -> None:
    told: Audited = request.getfixturevalue(audited)
    assert told.by_verdict(ROW, "pass") == MEASURED, told.told()
    assert told.findings(ROW)["way-back"]["evidence"]["rows"] >= 3


def test_an_app_that_makes_its_tables_at_start_fails(tmp_path: Path) -> None:
    told = audit(ROW, target=APPS / "tables_at_start.toml", words=("--out", str(tmp_path / "run")))
    assert told.failed(ROW) == {"separate-step"}, told.told()
    assert told.by_verdict(ROW, "not_applicable") >= {"concurrent-safe", "way-back"}
    assert told.code == 1


def test_a_setup_that_cannot_run_twice_at_once_fails(static_audit: Audited) -> None:
    """CREATE TABLE IF NOT EXISTS is no lock: the second run meets the first one's unfinished table."""
    assert static_audit.failed(ROW) == {"concurrent-safe"}, static_audit.told()


def test_a_way_back_that_leaves_a_table_fails(tmp_path: Path) -> None:
    words = ("--set", "audit.migrate_down=python half_way_back.py", "--out", str(tmp_path / "run"))
    told = audit(ROW, target=APPS / "bookings.toml", words=words)
    assert told.failed(ROW) == {"way-back"}, told.told()
    assert any("rooms" in line for line in told.findings(ROW)["way-back"]["evidence"]["left"])
