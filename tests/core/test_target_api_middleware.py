"""The request deadline and the log line, on a small ASGI application in this process."""

import asyncio
import json
import logging
from typing import Any

import pytest
from starlette.exceptions import HTTPException
from starlette.responses import PlainTextResponse
from starlette.types import Message, Receive, Scope, Send

from target_api.body_limit import BodyLimit
from target_api.deadline import RequestDeadline
from target_api.defects import Defects
from target_api.logs import JsonFormatter, RequestLog

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


def call(app: Any) -> list[Message]:
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request"}

    async def send(message: Message) -> None:
        sent.append(message)

    asyncio.run(app(dict(SCOPE), receive, send))
    return sent


def test_a_request_that_hangs_gets_a_504_with_a_body() -> None:
    start, body = call(RequestDeadline(hang, 0.01))
    assert start["status"] == 504
    assert (b"retry-after", b"1") in start["headers"]
    assert (b"content-type", b"application/problem+json") in start["headers"]
    told = json.loads(body["body"])
    assert (told["status"], told["title"], told["detail"]) == (504, "Gateway Timeout", "The request took too long.")


def test_an_answer_in_time_is_left_alone() -> None:
    assert [message.get("status") for message in call(RequestDeadline(answer, 5))] == [200, None]


@pytest.mark.parametrize("app", [begin_then_hang, raise_timeout])
def test_what_cannot_be_answered_with_a_504_is_raised(app: Any) -> None:
    with pytest.raises(TimeoutError):
        call(RequestDeadline(app, 0.01))


def test_a_request_past_its_deadline_is_logged_as_504(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "target_api.access"):
        start, _ = call(RequestLog(RequestDeadline(hang, 0.01)))
    (record,) = caplog.records
    line = json.loads(JsonFormatter().format(record))
    assert (line["status"], line["path"], line["message"]) == (504, "/items", "GET /items 504")
    assert line["duration_ms"] >= 10
    assert any(name.lower() == b"x-request-id" for name, _ in start["headers"])


async def fail(scope: Scope, receive: Receive, send: Send) -> None:
    raise ValueError("a mistake")


async def begin_then_fail(scope: Scope, receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    raise ValueError("a mistake")


def test_a_mistake_is_a_500_that_is_logged_once_with_its_traceback(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        start, body = call(RequestLog(Defects(fail)))
    problem = json.loads(body["body"])
    assert (start["status"], problem["detail"]) == (500, "Internal error.")
    assert problem["request_id"] == dict(start["headers"])[b"x-request-id"].decode()
    traces = [record for record in caplog.records if record.exc_info]
    assert [record.getMessage() for record in traces] == ["Unhandled ValueError in GET /items."]
    assert [record.getMessage() for record in caplog.records if not record.exc_info] == ["GET /items 500"]


def test_a_mistake_after_the_answer_began_cuts_it() -> None:
    with pytest.raises(ValueError, match="a mistake"):
        call(Defects(begin_then_fail))


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
