"""One login before the load, against a real server."""

import asyncio

import pytest
from parts_rig import bench

from harness.errors import TargetError
from harness.login import log_in
from harness.model.target import AuthSpec, HttpPart, Route
from harness.parts.stub import start_stub

pytestmark = pytest.mark.real

ROUTES = (
    Route("/tokens", json={"data": {"token": "t-1", "expires_in": 9}}),
    Route("/created", status=201, json={"data": {"token": "t-2"}}),
    Route("/empty", json={"data": {"token": ""}}),
    Route("/number", json={"data": {"token": 7}}),
    Route("/list", json=["data"]),
    Route("/nobody", status=204),
)


def ask(path: str, expect: tuple[int, ...] = (200,), *, gone: bool = False) -> str:
    async def run() -> str:
        async with bench() as b:
            server = await start_stub(HttpPart("app", ROUTES), b.spawner, b.ports, b.folder)
            try:
                if gone:
                    await server.stop()
                auth = AuthSpec("POST", path, (), "password={secret.load}", expect, ("data", "token"))
                return await log_in(auth, server.address, {"load": "hunter2"})
            finally:
                await server.stop()

    return asyncio.run(run())


def test_the_token_is_found_in_the_answer() -> None:
    assert ask("/tokens") == "t-1"
    assert ask("/created", (200, 201)) == "t-2"


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("/created", "was answered 201; auth.expect accepts 200"),
        ("/empty", "no text at auth.token, data.token"),
        ("/number", "no text at auth.token, data.token"),
        ("/list", "no text at auth.token, data.token"),
    ],
)
def test_no_token_is_told_and_nothing_that_was_sent(path: str, says: str) -> None:
    with pytest.raises(TargetError) as told:
        ask(path)
    assert says in str(told.value)
    assert "hunter2" not in str(told.value)


def test_a_body_that_is_no_json_has_no_token() -> None:
    with pytest.raises(TargetError, match=r"no text at auth\.token"):
        ask("/nobody", (204,))


def test_nobody_answers() -> None:
    with pytest.raises(TargetError, match=r"POST /tokens, had no answer: ConnectError"):
        ask("/tokens", gone=True)
