"""Every row at once: the reference API, and what is true of an app of which nothing is declared."""

from functools import partial

import pytest
from audit_rig import Asked, Audited, undeclared

pytestmark = pytest.mark.real


def test_every_row_of_the_reference_api_passes(reference_audit: Audited) -> None:
    rows = {row["row"]: row["verdict"] for row in reference_audit.document["rows"]}
    assert len(rows) == 11
    assert set(rows.values()) == {"pass"}, reference_audit.told()
    assert reference_audit.document["verdict"] == "pass"
    assert reference_audit.code == 0


@pytest.mark.parametrize("audited", [Asked(made=partial(undeclared, setup=True))], indirect=True, ids=["undeclared"])
def test_nothing_is_declared_and_still_something_is_true(audited: Audited) -> None:
    """Only where it is, how it says that it lives, and its database: eight rows or more are measured."""
    rows = audited.document["rows"]
    measured = [row["row"] for row in rows if any(c["verdict"] in ("pass", "fail") for c in row["checks"])]
    assert len(measured) >= 8, audited.told()
    for row in rows:
        if row["verdict"] == "pass":
            assert any(check["verdict"] == "pass" for check in row["checks"]), row
    assert audited.code in (1, 2)
