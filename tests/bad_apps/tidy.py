"""The support desk with logs as they should be: JSON lines on stdout, tied together by a request id.

What the apps that log badly do right. The server's lines look alike with `tidy_gunicorn.py`.
"""

import json
import logging
import logging.config
import uuid
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

from fastapi import FastAPI
from sound import make_app
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

ID = "X-Request-ID"
request_id: ContextVar[str] = ContextVar("request_id", default="")
requests = logging.getLogger("desk.requests")


class JsonLines(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line = {"ts": self.formatTime(record), "severity": record.levelname, "msg": record.getMessage()}
        return json.dumps({**line, "request": request_id.get()})


LOGGING: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"json": {"()": "tidy.JsonLines"}},
    "handlers": {"out": {"class": "logging.StreamHandler", "formatter": "json", "stream": "ext://sys.stdout"}},
    "root": {"level": "INFO", "handlers": ["out"]},
    "loggers": {
        "gunicorn.error": {"level": "INFO", "handlers": ["out"], "propagate": False},
        "gunicorn.access": {"handlers": []},
    },
}


def say_path(scope: Scope) -> str:
    return f"{scope['method']} {scope['path']}"


class Traced:
    """`say` is what a line tells of a request."""

    def __init__(self, app: ASGIApp, say: Callable[[Scope], str]) -> None:
        self.app, self.say = app, say

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        current = Headers(scope=scope).get(ID) or str(uuid.uuid4())
        request_id.set(current)

        async def send_with_id(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)[ID] = current
            await send(message)

        await self.app(scope, receive, send_with_id)
        requests.info(self.say(scope))


def tidy_app(say: Callable[[Scope], str] = say_path) -> FastAPI:
    logging.config.dictConfig(LOGGING)
    app = make_app()
    app.add_middleware(Traced, say=say)
    return app


app = tidy_app()
