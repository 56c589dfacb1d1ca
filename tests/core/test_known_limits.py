"""What servers are known for: bound to the versions it was seen with, and each bound from both sides."""

import pytest

from harness.model.known_limit import KnownLimit
from harness.servers import SERVERS, server_of
from harness.servers.server import Server

LIMIT = KnownLimit(
    "server.sighup", ("error-budget",), "lost", "it loses some", "gunicorn ~=27.0.0 with uvicorn ~=0.54.0", "F28"
)


@pytest.mark.parametrize(
    ("gunicorn", "uvicorn", "holds"),
    [
        ("27.0.0", "0.54.0", True),
        ("27.0.1", "0.54.10", True),
        ("27.0.1.post1", "0.54.0", True),
        ("27.0.9rc1", "0.54.0", True),
        ("26.9.9", "0.54.0", False),
        ("27.1.0", "0.54.0", False),
        ("27.10.0", "0.54.0", False),
        ("27.0.1", "0.55.0", False),
        ("27.0.1", "0.53.9", False),
        ("twenty-seven", "0.54.0", False),
        ("", "0.54.0", False),
    ],
)
def test_a_limit_holds_for_the_versions_it_was_seen_with(gunicorn: str, uvicorn: str, holds: bool) -> None:
    assert LIMIT.holds_for({"gunicorn": gunicorn, "uvicorn": uvicorn}) is holds


def test_a_limit_of_two_programs_needs_both() -> None:
    assert not LIMIT.holds_for({"gunicorn": "27.0.1"})
    assert not LIMIT.holds_for({})


@pytest.mark.parametrize("server", SERVERS, ids=lambda server: server.id)
def test_the_versions_of_each_limit_can_be_compared(server: Server) -> None:
    none = dict.fromkeys(("gunicorn", "uvicorn", "granian", "hypercorn"), "0")
    assert server.limits_for(none) == ()
    for limit in server.known_limits:
        assert limit.source.startswith("F")
        assert bool(limit.most) is (limit.shows in ("lost", "orphans"))


def test_limits_of_other_versions_are_not_those_of_a_trial() -> None:
    gunicorn = server_of("gunicorn-uvicorn")
    assert gunicorn.limits_for({"gunicorn": "27.0.1", "uvicorn": "0.54.0"}) == gunicorn.known_limits
    assert {limit.shows for limit in gunicorn.limits_for({"gunicorn": "27.0.1"})} == {"silence"}
    assert gunicorn.limits_for({"gunicorn": "28.0.0", "uvicorn": "0.54.0"}) == ()
