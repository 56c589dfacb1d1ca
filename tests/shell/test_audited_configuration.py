"""The configuration row through the real command: what holds, and each app that deserves to fail."""

import secrets
import shutil
from pathlib import Path

import pytest
from audit_rig import APPS, Asked, Audited

pytestmark = pytest.mark.real

ROW = "configuration"
ALL = {"required-refused", "values-not-told", "no-secrets-in-tree", "debug-off"}


def test_the_reference_api_starts_only_when_it_is_told_what_it_needs(reference_audit: Audited) -> None:
    told = reference_audit
    assert told.by_verdict(ROW, "pass") == ALL, told.told()
    starts = told.findings(ROW)["required-refused"]["evidence"]["starts"]
    assert {start["variable"] for start in starts} >= {"DATABASE_URL", "PRICING_URL", "TOKEN_KEYS"}


def test_a_healthy_app_of_another_domain_is_not_accused(twin_audit: Audited) -> None:
    told = twin_audit
    assert told.by_verdict(ROW, "pass") == ALL, told.told()


def test_an_app_that_starts_without_what_it_needs_fails(static_audit: Audited) -> None:
    """libpq's defaults stand in for a missing address."""
    assert static_audit.failed(ROW) == {"required-refused"}, static_audit.told()


@pytest.mark.parametrize("audited", [Asked(ROW, target=APPS / "telling_settings.toml")], indirect=True, ids=str)
def test_an_app_that_tells_its_settings_fails(audited: Audited) -> None:
    assert audited.failed(ROW) == {"values-not-told"}, audited.told()
    assert audited.code == 1


KEY = secrets.token_urlsafe(24)


def left_open(folder: Path) -> Path:
    """The healthy twin, as somebody left it after a long evening."""
    app = folder / "app"
    app.mkdir()
    code = (APPS / "bookings.py").read_text().replace("FastAPI(title", "FastAPI(debug=True, title")
    handled = "asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError"
    assert handled in code
    (app / "bookings.py").write_text(code.replace(handled, "TimeoutError"))
    (app / "keys.py").write_text(f'SIGNING_SECRET = "{KEY}"\n')
    return Path(shutil.copy(APPS / "bookings.toml", app))


@pytest.mark.parametrize("audited", [Asked(ROW, made=left_open)], indirect=True, ids=["left open"])
def test_a_key_in_the_folder_and_debug_answers_are_found_and_never_shown(audited: Audited) -> None:
    assert audited.failed(ROW) == {"no-secrets-in-tree", "debug-off"}, audited.told()
    hits = audited.findings(ROW)["no-secrets-in-tree"]["evidence"]["hits"]
    assert [hit["where"] for hit in hits] == ["keys.py:1"]
    kept = [path for path in audited.run_dir.rglob("*") if path.is_file()]
    assert kept
    assert not [path for path in kept if KEY.encode() in path.read_bytes()]
