"""The row `limits` through the real command: settings of the reference API and apps that deserve to fail."""

import pytest
from audit_rig import APPS, Asked, Audited

pytestmark = pytest.mark.real


def passes(audited: Audited, *but: str) -> None:
    assert audited.by_verdict("limits", "pass") == set(audited.findings("limits")) - set(but), audited.told()


def test_the_reference_api_passes(reference_audit: Audited) -> None:
    audited = reference_audit
    passes(audited)
    assert "the app itself" in audited.findings("limits")["body-limited"]["why"]


@pytest.mark.parametrize("audited", [Asked("limits", target=APPS / "patient_shop.toml")], indirect=True, ids=str)
def test_no_end_of_waiting_for_the_dependency_fails_alone(audited: Audited) -> None:
    assert audited.failed("limits") == {"dependency-timeout"}, audited.told()


@pytest.mark.parametrize("audited", [Asked("limits", target=APPS / "blind_retries.toml")], indirect=True, ids=str)
def test_blind_retries_of_a_write_fail_alone(audited: Audited) -> None:
    """Its operation takes no body, so that none is read."""
    assert audited.failed("limits") == {"dependency-retries-bounded"}, audited.told()


def test_the_healthy_twin_is_accused_of_its_bodies_only(twin_audit: Audited) -> None:
    """FastAPI reads a body of any size, and nothing of it says otherwise."""
    audited = twin_audit
    assert audited.failed("limits") == {"body-limited"}, audited.told()
    passes(audited, "body-limited", "proxy-in-line")


FEW = ("target.server=uvicorn", "uvicorn.limit_concurrency=20", "uvicorn.timeout_keep_alive=75")
CROWDED = Asked("limits", target=APPS / "door.toml", words=tuple(word for each in FEW for word in ("--set", each)))


@pytest.mark.parametrize("audited", [CROWDED], indirect=True, ids=str)
def test_a_limit_of_connections_keeps_everybody_out(audited: Audited) -> None:
    assert audited.failed("limits") == {"idle-connections-survived"}, audited.told()
