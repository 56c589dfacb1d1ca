"""The server row through the real command: what holds, and each setting and app that deserves to fail."""

import os

import pytest
from audit_rig import APPS, Asked, Audited

pytestmark = pytest.mark.real

TOO_MANY = str(2 * len(os.sched_getaffinity(0)) + 2)
BAD = {
    "cut_on_shutdown": {"graceful-shutdown"},
    "debug_port": {"bound-right"},
    "endless_grace": {"timeouts-set"},
    "needs_database": {"boots-without-database"},
}


def test_the_reference_api_is_set_up_for_production(reference_audit: Audited) -> None:
    told = reference_audit
    assert told.by_verdict("server", "pass") == set(told.findings("server")), told.told()


def test_a_healthy_app_on_the_stock_worker_is_not_accused(twin_audit: Audited) -> None:
    told = twin_audit
    assert told.failed("server") == set(), told.told()


CROWDED = ("--workers", TOO_MANY, "--set", "target.env.FORWARDED_ALLOW_IPS=*")


@pytest.mark.parametrize(
    "audited", [Asked("server", target=APPS / "bookings.toml", words=CROWDED)], indirect=True, ids=str
)
def test_too_many_workers_and_trust_in_everybody_are_told_apart(audited: Audited) -> None:
    assert audited.failed("server") == {"workers-sized", "forwarded-headers"}, audited.told()
    assert "as if it had come by https" in audited.findings("server")["forwarded-headers"]["why"]
    assert audited.code == 1


BAD_AUDITS = [(Asked("server", target=APPS / f"{app}.toml"), fails) for app, fails in BAD.items()]


@pytest.mark.parametrize(("audited", "fails"), BAD_AUDITS, indirect=["audited"], ids=BAD)
def test_each_bad_app_fails_by_what_it_deserves(audited: Audited, fails: set[str]) -> None:
    assert audited.failed("server") == fails, audited.told()
    assert audited.code == 1
