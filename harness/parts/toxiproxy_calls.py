"""One call to a Toxiproxy server, bounded in time; what the client library leaves out.

The library knows no timeout, has one host and port for the whole process, and checks few answers.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import requests
from toxiproxy.api import APIConsumer
from toxiproxy.exceptions import InvalidToxic, NotFound, ProxyExists

from harness.errors import MachineError

CALL_S = 3.0
# Loopback only: a proxy that the user's environment names must not see these calls.
_DIRECT = {"no_proxy": "127.0.0.1"}
_STATUS: Mapping[type[BaseException], int] = {InvalidToxic: 400, NotFound: 404, ProxyExists: 409}


class ProxyError(MachineError):
    """Toxiproxy did not do what it was asked."""


class Wedged(ProxyError):
    """A call did not come back in time: the proxy, and soon the server, answers no more."""


class Calls:
    """To the server on this port. Blocking: for a thread."""

    def __init__(self, port: int) -> None:
        # The library keeps host and port on the class; a class of our own for each server keeps them apart.
        self._consumer: Any = type("Consumer", (APIConsumer,), {"host": "127.0.0.1", "port": port})

    def ask(self, method: str, path: str, body: Mapping[str, object] | None = None) -> tuple[int, Any]:
        """Status and decoded answer, of errors too; Wedged where none comes."""
        bounds: dict[str, Any] = {"timeout": CALL_S, "proxies": _DIRECT}
        try:
            if method == "GET":
                response = self._consumer.get(path, **bounds)
            elif method == "DELETE":
                response = self._consumer.delete(path, **bounds)
            else:
                response = self._consumer.post(path, json=body, **bounds)
        except (NotFound, ProxyExists, InvalidToxic) as error:
            return _STATUS[type(error)], _words(error)
        except requests.Timeout:
            raise Wedged(f"Toxiproxy did not answer {method} {path} within {CALL_S:g} s.") from None
        except requests.RequestException as error:
            raise ProxyError(f"Toxiproxy does not answer {method} {path}: {type(error).__name__}.") from error
        if response.status_code == 503:
            raise Wedged(f"Toxiproxy gave up {method} {path}.")
        try:
            return response.status_code, response.json() if response.content else None
        except requests.JSONDecodeError:
            return response.status_code, response.text[:200]


def _words(error: BaseException) -> str:
    """The library's errors hold the answer's bytes."""
    told = error.args[0] if error.args else ""
    text = told.decode("utf-8", "replace") if isinstance(told, bytes) else str(told)
    try:
        return str(json.loads(text)["error"])
    except (ValueError, KeyError, TypeError):
        return text.strip()
