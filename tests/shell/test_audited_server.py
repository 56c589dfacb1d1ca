"""The server row through the real command: what holds, and each setting and app that deserves to fail."""

import os

import pytest
from audit_rig import APPS, Audited, audit

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


def test_too_many_workers_and_trust_in_everybody_are_told_apart() -> None:
    words = ("--workers", TOO_MANY, "--set", "target.env.FORWARDED_ALLOW_IPS=*")
    told = audit("server", target=APPS / "bookings.toml", words=words)
    assert told.failed("server") == {"workers-sized", "forwarded-headers"}, told.told()
    assert "as if it had come by https" in told.findings("server")["forwarded-headers"]["why"]
    assert told.code == 1


@pytest.mark.parametrize("app", BAD)
def test_each_bad_app_fails_by_what_it_deserves(app: str) -> None:
    told = audit("server", target=APPS / f"{app}.toml")
    assert told.failed("server") == BAD[app], told.told()
    assert told.code == 1
