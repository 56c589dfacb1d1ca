"""The request deadline and the log line, on a small ASGI application in this process."""

import asyncio
import json
import logging
import re
from collections.abc import Iterator
from typing import Any

import pytest
from starlette.exceptions import HTTPException
from starlette.responses import PlainTextResponse
from starlette.types import Message, Receive, Scope, Send

from target_api.body_limit import BodyLimit
from target_api.logs import JsonFormatter, RequestLog, access
from target_api.request_end import RequestEnd

SCOPE: Scope = {"type": "http", "method": "GET", "path": "/items", "headers": []}


async def hang(scope: Scope, receive: Receive, send: Send) -> None:
    await asyncio.Event().wait()


async def begin_then_hang(scope: Scope, receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await asyncio.Event().wait()


async def answer(scope: Scope, receive: Receive, send: Send) -> None:
    await PlainTextResponse("fine")(scope, receive, send)


async def raise_timeout(scope: Scope, receive: Receive, send: Send) -> None:
    raise TimeoutError("of the application itself")


def call(app: Any, **scope: Any) -> list[Message]:
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request"}

    async def send(message: Message) -> None:
        sent.append(message)

    asyncio.run(app({**SCOPE, **scope}, receive, send))
    return sent


def test_a_request_that_hangs_gets_a_504_with_a_body() -> None:
    start, body = call(RequestEnd(hang, 0.01))
    assert start["status"] == 504
    assert (b"retry-after", b"1") in start["headers"]
    assert (b"content-type", b"application/problem+json") in start["headers"]
    told = json.loads(body["body"])
    assert (told["status"], told["title"], told["detail"]) == (504, "Gateway Timeout", "The request took too long.")


def test_an_answer_in_time_is_left_alone() -> None:
    assert [message.get("status") for message in call(RequestEnd(answer, 5))] == [200, None]


def test_an_answer_that_began_and_hangs_is_cut() -> None:
    with pytest.raises(TimeoutError):
        call(RequestEnd(begin_then_hang, 0.01))


def test_a_timeout_of_the_application_itself_is_a_mistake() -> None:
    assert call(RequestEnd(raise_timeout, 5))[0]["status"] == 500


@pytest.fixture
def at_info() -> Iterator[None]:
    access.setLevel(logging.INFO)
    yield
    access.setLevel(logging.NOTSET)


@pytest.mark.usefixtures("at_info")
def test_a_request_past_its_deadline_is_logged_as_504(capsys: pytest.CaptureFixture[str]) -> None:
    start, _ = call(RequestLog(RequestEnd(hang, 0.01)))
    line = json.loads(capsys.readouterr().out)
    assert (line["status"], line["path"], line["message"]) == (504, "/items", "GET /items 504")
    assert line["duration_ms"] >= 10
    assert any(name.lower() == b"x-request-id" for name, _ in start["headers"])


async def fail(scope: Scope, receive: Receive, send: Send) -> None:
    raise ValueError("a mistake")


async def begin_then_fail(scope: Scope, receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    raise ValueError("a mistake")


@pytest.mark.usefixtures("at_info")
def test_the_line_of_a_request_has_the_shape_of_every_other(capsys: pytest.CaptureFixture[str]) -> None:
    path = '/items/"\u00e9\n\\?token=hunter2'
    call(RequestLog(RequestEnd(answer, 5)), path=path, headers=[(b"x-request-id", b"abc-1")])
    text = capsys.readouterr().out
    line = json.loads(text)
    record = logging.LogRecord(access.name, logging.INFO, "", 0, "a", (), None)
    assert list(line)[:6] == [*json.loads(JsonFormatter().format(record)), "request_id"]
    assert len(line["time"]) == len("2026-01-01T00:00:00.000Z")
    assert line["path"] == '/items/"\u00e9\n\\?token=[redacted]'
    assert line["message"] == f"GET {line['path']} 200"
    assert line["request_id"] == "abc-1"
    assert text.count("\n") == 1


@pytest.mark.usefixtures("at_info")
def test_an_id_that_may_not_stand_in_a_log_is_not_taken(capsys: pytest.CaptureFixture[str]) -> None:
    call(RequestLog(RequestEnd(answer, 5)), headers=[(b"x-request-id", b'a","x":"')])
    assert re.fullmatch("[0-9a-f]{32}", json.loads(capsys.readouterr().out)["request_id"])


@pytest.mark.usefixtures("at_info")
def test_a_mistake_is_a_500_that_is_logged_once_with_its_traceback(
    caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    start, body = call(RequestLog(RequestEnd(fail, 5)))
    problem = json.loads(body["body"])
    assert (start["status"], problem["detail"]) == (500, "Internal error.")
    assert problem["request_id"] == dict(start["headers"])[b"x-request-id"].decode()
    (trace,) = caplog.records
    assert (trace.getMessage(), bool(trace.exc_info)) == ("Unhandled ValueError in GET /items.", True)
    assert json.loads(capsys.readouterr().out)["message"] == "GET /items 500"


def test_a_mistake_after_the_answer_began_cuts_it() -> None:
    with pytest.raises(ValueError, match="a mistake"):
        call(RequestEnd(begin_then_fail, 5))


async def read_body(scope: Scope, receive: Receive, send: Send) -> None:
    got = 0
    while (message := await receive())["type"] == "http.request":
        got += len(message.get("body", b""))
        if not message.get("more_body"):
            break
    await PlainTextResponse(str(got))(scope, receive, send)


@pytest.mark.parametrize(("declared", "status"), [(b"10", 200), (b"11", 413), (b"9" * 40, 413)])
def test_a_declared_length_is_judged_before_anything_is_read(declared: bytes, status: int) -> None:
    reads = 0

    async def receive() -> Message:
        nonlocal reads
        reads += 1
        return {"type": "http.request", "body": b"x" * 10}

    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {**SCOPE, "headers": [(b"content-length", declared)]}
    asyncio.run(BodyLimit(read_body, 10)(scope, receive, send))
    assert sent[0]["status"] == status
    assert reads == (1 if status == 200 else 0)
    assert ((b"connection", b"close") in sent[0]["headers"]) == (status == 413)


def test_a_body_in_chunks_is_counted() -> None:
    chunks = [b"x" * 6, b"x" * 4, b"x"]

    async def receive() -> Message:
        return {"type": "http.request", "body": chunks.pop(0), "more_body": True}

    async def send(message: Message) -> None:
        raise AssertionError("nothing is to be answered here")

    with pytest.raises(HTTPException) as caught:
        asyncio.run(BodyLimit(read_body, 10)(dict(SCOPE), receive, send))
    assert (caught.value.status_code, caught.value.headers) == (413, {"Connection": "close"})
    assert chunks == []


def test_a_log_line_with_newlines_and_a_traceback_is_one_line() -> None:
    try:
        raise ValueError("two\nlines")
    except ValueError as error:
        record = logging.LogRecord("a", logging.ERROR, __file__, 1, "x\ny", (), (type(error), error, None))
    text = JsonFormatter().format(record)
    assert "\n" not in text
    assert json.loads(text)["message"] == "x\ny"
