"""The database row through the real command: what holds, and each app and setting that deserves to fail."""

from functools import partial
from pathlib import Path

import pytest
from audit_rig import APPS, REFERENCE, Asked, Audited, undeclared

pytestmark = pytest.mark.real

ROW = "database"
ALL = {"pool-fits", "statement-bounded", "no-idle-transactions", "survives-cut-sessions", "role-limited"}


@pytest.mark.parametrize("audited", ["reference_audit", "twin_audit"], indirect=True)
def test_a_healthy_app_reaches_its_database_within_bounds(audited: Audited) -> None:
    assert audited.by_verdict(ROW, "pass") == ALL, audited.told()
    assert audited.by_verdict(ROW, "not_applicable") == {"tls"}  # our own server offers none


def asked(target: Path, setting: str) -> Asked:
    return Asked(ROW, target=target, words=("--set", setting))


@pytest.mark.parametrize(
    ("audited", "fails"),
    [
        (asked(REFERENCE, "target.env.DATABASE_POOL_MAX=200"), "pool-fits"),
        (asked(APPS / "no_timeouts.toml", "slo.deadline_s=4"), "statement-bounded"),
        (asked(APPS / "dead_pool.toml", "limits.recover_s=2"), "survives-cut-sessions"),
        (asked(APPS / "open_transaction.toml", "slo.deadline_s=8"), "no-idle-transactions"),
    ],
    indirect=["audited"],
    ids=str,
)
def test_each_bad_app_and_setting_fails_by_what_it_deserves(audited: Audited, fails: str) -> None:
    assert audited.failed(ROW) == {fails}, audited.told()
    assert audited.code == 1


@pytest.mark.parametrize(
    ("audited", "passes"),
    [
        (Asked(ROW, made=partial(undeclared, setup=True)), ALL),
        (Asked(ROW, made=partial(undeclared, setup=False)), {"role-limited"}),
    ],
    indirect=["audited"],
    ids=["tables", "no tables"],
)
def test_an_app_of_which_nothing_is_declared_passes_only_what_was_tried(audited: Audited, passes: set[str]) -> None:
    """Without tables no request reaches the database, and the terms of a hotel say nothing about it."""
    assert not audited.failed(ROW), audited.told()
    assert audited.by_verdict(ROW, "pass") == passes, audited.told()
    assert audited.code == (0 if passes == ALL else 2)
