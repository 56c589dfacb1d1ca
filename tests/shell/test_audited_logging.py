"""The logging row through the real command: what holds, and each setting and app that deserves to fail."""

import re

import pytest
from audit_rig import APPS, Asked, Audited

pytestmark = pytest.mark.real

CANARY = re.compile(r"sdc[0-9a-f]{24}")
BAD = {
    "talkative": {"no-secrets"},
    "log_file": {"to-stdout"},
    "plain_server": {"structured"},
}


def test_the_reference_api_logs_as_it_should(reference_audit: Audited) -> None:
    told = reference_audit
    assert told.by_verdict("logging", "pass") == set(told.findings("logging")), told.told()


TALKS = Asked("logging", words=("--set", "target.env.LOG_LEVEL=DEBUG"))


@pytest.mark.parametrize("audited", [TALKS], indirect=True, ids=str)
def test_lines_below_info_are_found(audited: Audited) -> None:
    assert audited.failed("logging") == {"level-right"}, audited.told()
    assert audited.code == 1


def test_plain_lines_and_no_request_id_at_all_fail(twin_audit: Audited) -> None:
    assert twin_audit.failed("logging") == {"structured", "request-id", "request-id-passed-on"}, twin_audit.told()
    assert twin_audit.code == 1


def asked(app: str) -> Asked:
    own_log = ("--set", "target.env.DESK_LOG={folder}/desk")
    return Asked("logging", target=APPS / f"{app}.toml", words=own_log if app == "log_file" else ())


@pytest.mark.parametrize(("app", "audited"), [(app, asked(app)) for app in BAD], indirect=["audited"], ids=BAD)
def test_each_bad_app_fails_by_what_it_deserves(app: str, audited: Audited) -> None:
    assert audited.failed("logging") == BAD[app], audited.told()
    assert audited.code == 1
    if app == "talkative":
        names_the_secrets_and_tells_none(audited)


def names_the_secrets_and_tells_none(told: Audited) -> None:
    secrets = set(told.findings("logging")["no-secrets"]["evidence"]["secrets"])
    places = ("Authorization", "Cookie", "X-Api-Key", "?token=", "?password=")
    assert {f"canary in {place}" for place in places} <= secrets
    kept = [path for path in told.run_dir.rglob("*") if path.is_file()]
    assert any("‹canary in Cookie›" in path.read_text("utf-8", "replace") for path in kept)
    assert [path for path in kept if CANARY.search(path.read_text("utf-8", "replace"))] == []
