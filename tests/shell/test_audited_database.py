"""The database row through the real command: what holds, and each app and setting that deserves to fail."""

from pathlib import Path

import pytest
from audit_rig import APPS, Audited, audit, undeclared

pytestmark = pytest.mark.real

ROW = "database"
ALL = {"pool-fits", "statement-bounded", "no-idle-transactions", "survives-cut-sessions", "role-limited"}


@pytest.mark.parametrize("audited", ["reference_audit", "twin_audit"])
def test_a_healthy_app_reaches_its_database_within_bounds(audited: str, request: pytest.FixtureRequest) -> None:
    told: Audited = request.getfixturevalue(audited)
    assert told.by_verdict(ROW, "pass") == ALL, told.told()
    assert told.by_verdict(ROW, "not_applicable") == {"tls"}  # our own server offers none


def test_a_pool_that_takes_all_connections_fails(tmp_path: Path) -> None:
    words = ("--set", "target.env.DATABASE_POOL_MAX=200", "--out", str(tmp_path / "run"))
    told = audit(ROW, words=words)
    assert told.failed(ROW) == {"pool-fits"}, told.told()
    assert told.code == 1


@pytest.mark.parametrize(
    ("app", "fails", "setting"),
    [
        ("no_timeouts", "statement-bounded", "slo.deadline_s=4"),
        ("dead_pool", "survives-cut-sessions", "limits.recover_s=2"),
        ("open_transaction", "no-idle-transactions", "slo.deadline_s=8"),
    ],
)
def test_each_bad_app_fails_by_what_it_deserves(app: str, fails: str, setting: str, tmp_path: Path) -> None:
    words = ("--set", setting, "--out", str(tmp_path / "run"))
    told = audit(ROW, target=APPS / f"{app}.toml", words=words)
    assert told.failed(ROW) == {fails}, told.told()
    assert told.code == 1


@pytest.mark.parametrize("setup", [True, False], ids=["tables", "no tables"])
def test_an_app_of_which_nothing_is_declared_passes_only_what_was_tried(setup: bool, tmp_path: Path) -> None:
    """Without tables no request reaches the database, and the terms of a hotel say nothing about it."""
    told = audit(ROW, target=undeclared(tmp_path, setup=setup), words=("--out", str(tmp_path / "run")))
    assert not told.failed(ROW), told.told()
    assert told.by_verdict(ROW, "pass") == (ALL if setup else {"role-limited"}), told.told()
    assert told.code == (0 if setup else 2)
