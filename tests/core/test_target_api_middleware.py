"""The request deadline and the log line, on a small ASGI application in this process."""

import asyncio
import json
import logging
from typing import Any

import pytest
from starlette.responses import PlainTextResponse
from starlette.types import Message, Receive, Scope, Send

from target_api.deadline import RequestDeadline
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
    assert json.loads(body["body"]) == {"detail": "The request took too long."}


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


def test_a_log_line_with_newlines_and_a_traceback_is_one_line() -> None:
    try:
        raise ValueError("two\nlines")
    except ValueError as error:
        record = logging.LogRecord("a", logging.ERROR, __file__, 1, "x\ny", (), (type(error), error, None))
    text = JsonFormatter().format(record)
    assert "\n" not in text
    assert json.loads(text)["message"] == "x\ny"
