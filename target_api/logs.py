"""Log lines as JSON on stdout, and the request id that ties them together.

One line for each answered request, written by our own ASGI middleware: the server's access log does not know the
request id. Probes are logged at DEBUG only, several a second for each worker would drown the rest.
"""

import json
import logging
import logging.config
import os
import re
import sys
import time
import uuid
from contextvars import ContextVar
from functools import lru_cache
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from target_api.redaction import redact

request_id: ContextVar[str] = ContextVar("request_id", default="")
access = logging.getLogger("target_api.access")

ID_HEADER = "X-Request-ID"
RAW_HEADER = b"x-request-id"
ACCEPTED_ID = re.compile(rb"[A-Za-z0-9._-]{1,64}")
PROBES = ("/health", "/ready", "/metrics")
LEVELS = {logging.DEBUG: "debug", logging.INFO: "info"}

encode = json.JSONEncoder(default=str).encode  # json.dumps would make an encoder for each line


class JsonFormatter(logging.Formatter):
    """A record as one line of JSON; what is passed as extra={"fields": {...}} becomes keys of its own."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "time": f"{utc(int(record.created))}.{int(record.msecs):03}Z",
            "level": record.levelname.lower(),
            "logger": record.name,
            "pid": record.process,
            "message": redact(record.getMessage()),
        }
        if current := request_id.get():
            line["request_id"] = current
        for name, value in getattr(record, "fields", {}).items():
            line[name] = redact(value) if isinstance(value, str) else value
        if record.exc_info:
            line["exception"] = redact(self.formatException(record.exc_info))
        return encode(line)


@lru_cache(maxsize=2)
def utc(second: int) -> str:
    """Made once a second, not for each line."""
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second))


def logging_config(level: str) -> dict[str, Any]:
    """For logging.config.dictConfig; Gunicorn takes the same as its logconfig_dict, so that every line looks alike."""
    through_root = {"handlers": [], "propagate": True, "level": "NOTSET"}
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"json": {"()": "target_api.logs.JsonFormatter"}},
        "handlers": {
            "stdout": {"class": "logging.StreamHandler", "formatter": "json", "stream": "ext://sys.stdout"},
        },
        "root": {"level": level, "handlers": ["stdout"]},
        "loggers": {
            # Uvicorn's worker copies the handlers of gunicorn.error and stops propagation: it needs one of its own.
            "gunicorn.error": {"level": level, "handlers": ["stdout"], "propagate": False},
            "gunicorn.access": {"level": "CRITICAL", "handlers": [], "propagate": False},
            "uvicorn": through_root,
            "uvicorn.error": through_root,
            "uvicorn.access": {"level": "CRITICAL", "handlers": [], "propagate": False},
            "httpx": {"level": "WARNING"},
        },
    }


def configure_logging(level: str) -> None:
    logging.config.dictConfig(logging_config(level))


class RequestLog:
    """Pure ASGI: a function middleware would hide a client's disconnect from the endpoint."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        current = asked_id(scope) or uuid.uuid4().hex
        request_id.set(current)  # never reset: the server gives every request a context of its own
        started_ns = time.monotonic_ns()
        status = 0

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message.get("headers", ()), (RAW_HEADER, current.encode())]
            await send(message)

        try:
            await self.app(scope, receive, send_with_id)
        finally:
            duration_ms = (time.monotonic_ns() - started_ns) / 1e6
            write_access_line(scope, current, status, duration_ms)


def asked_id(scope: Scope) -> str:
    """The client's own id, if it is one that may stand in a log; else empty."""
    for name, value in scope["headers"]:
        if name == RAW_HEADER:
            return value.decode() if ACCEPTED_ID.fullmatch(value) else ""
    return ""


def write_access_line(scope: Scope, request: str, status: int, duration_ms: float) -> None:
    """The shape of JsonFormatter's lines without a LogRecord: it is written for each request, at a third of the cost.

    It goes where logging_config() sends the others. A status of 0 says that no answer was begun here.
    """
    level = logging.DEBUG if scope["path"] in PROBES and status == 200 else logging.INFO
    if not access.isEnabledFor(level):
        return
    now_s = time.time()
    method, path = encode(scope["method"]), encode(redact(scope["path"]))
    sys.stdout.write(
        f'{{"time": "{utc(int(now_s))}.{int(now_s % 1 * 1000):03}Z", "level": "{LEVELS[level]}",'
        f' "logger": "{access.name}", "pid": {os.getpid()}, "message": "{method[1:-1]} {path[1:-1]} {status}",'
        f' "request_id": "{request}", "method": {method}, "path": {path}, "status": {status},'
        f' "duration_ms": {duration_ms:.2f}}}\n'
    )
    sys.stdout.flush()
