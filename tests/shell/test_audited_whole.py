"""Every row at once: the reference API, and what is true of an app of which nothing is declared."""

from pathlib import Path

import pytest
from audit_rig import Audited, audit, undeclared

pytestmark = pytest.mark.real


def test_every_row_of_the_reference_api_passes(reference_audit: Audited) -> None:
    rows = {row["row"]: row["verdict"] for row in reference_audit.document["rows"]}
    assert len(rows) == 11
    assert set(rows.values()) == {"pass"}, reference_audit.told()
    assert reference_audit.document["verdict"] == "pass"
    assert reference_audit.code == 0


def test_nothing_is_declared_and_still_something_is_true(tmp_path: Path) -> None:
    """Only where it is, how it says that it lives, and its database: eight rows or more are measured."""
    told = audit(target=undeclared(tmp_path, setup=True), words=("--out", str(tmp_path / "run")))
    rows = told.document["rows"]
    measured = [row["row"] for row in rows if any(c["verdict"] in ("pass", "fail") for c in row["checks"])]
    assert len(measured) >= 8, told.told()
    for row in rows:
        if row["verdict"] == "pass":
            assert any(check["verdict"] == "pass" for check in row["checks"]), row
    assert told.code in (1, 2)
