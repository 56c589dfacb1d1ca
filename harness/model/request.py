"""One kind of request of a load: what is sent, and which answer is expected.

A value that checks itself: what is wrong is told as a ValueError in plain words, for the person who wrote it.
"""

from __future__ import annotations

import dataclasses
import json
import math
import re
from dataclasses import dataclass
from typing import Any

KEY = "{key}"
TOKEN = "{token}"
HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_METHOD = re.compile(r"[A-Z]+")
_PATH = re.compile(r"/[\x21-\x7e]*")
_NAMES_OF_OURS = frozenset({"host", "content-length", "transfer-encoding", "connection", "expect"})


@dataclass(frozen=True, slots=True)
class RequestLine:
    """One kind of request. `{key}` in path, header values, body and expect_json becomes the key of the arrival,
    `{token}` in header values the token of the login that the target file describes.

    `expect_json` is JSON text: what the answer must contain, empty for anything. `needs` names the parts that the
    request cannot do without (the default of a target file, every part, is filled in already).
    """

    name: str
    method: str = "GET"
    path: str = "/"
    headers: tuple[tuple[str, str], ...] = ()
    body: str = ""
    weight: float = 1.0
    expect: tuple[int, ...] = (200,)
    expect_json: str = ""
    stores: bool = False
    needs: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        self._check_head()
        if not (math.isfinite(self.weight) and self.weight > 0):
            raise ValueError(f"{self.name}: weight is more than 0, not {self.weight:g}")
        if not self.expect:
            raise ValueError(f"{self.name}: expect names at least one status")
        for status in self.expect:
            if not 200 <= status <= 599:
                raise ValueError(f"{self.name}: expect holds statuses from 200 to 599, not {status}")
        if self.expect_json:
            _check_json(self.name, self.expect_json)
        if self.stores and not self.uses_key:
            raise ValueError(
                f"{self.name}: stores needs {KEY} in path, headers or body, so that each effect can be found"
            )

    def _check_head(self) -> None:
        if not self.name:
            raise ValueError("a request line has a name")
        if not _METHOD.fullmatch(self.method):
            raise ValueError(f"{self.name}: method is in capitals as in GET or POST, not {self.method!r}")
        if not _PATH.fullmatch(self.path):
            raise ValueError(f"{self.name}: path starts with / and holds no spaces, not {self.path!r}")
        for key, value in self.headers:
            if not HEADER_NAME.fullmatch(key):
                raise ValueError(f"{self.name}: {key!r} is no name of a header")
            if key.lower() in _NAMES_OF_OURS:
                raise ValueError(f"{self.name}: the header {key} is set by the load driver itself")
            if not value.isascii() or not value.isprintable():
                raise ValueError(f"{self.name}: the header {key} holds printable ASCII only")

    @property
    def uses_key(self) -> bool:
        return KEY in self.path or KEY in self.body or any(KEY in value for _, value in self.headers)

    @property
    def uses_token(self) -> bool:
        return any(TOKEN in value for _, value in self.headers)

    def with_token(self, token: str) -> RequestLine:
        """The line as it is sent; what is recorded keeps the placeholder."""
        headers = tuple((name, value.replace(TOKEN, token)) for name, value in self.headers)
        return dataclasses.replace(self, headers=headers)

    @classmethod
    def from_dict(cls, raw: dict[str, Any]) -> RequestLine:
        """Takes `json` (a value) in place of `body` too, and a mapping or pairs for headers."""
        method, path = str(raw.get("method", "GET")).upper(), str(raw.get("path", "/"))
        headers, body = _headers_and_body(raw)
        expect_json = raw.get("expect_json", "")
        line = cls(
            name=str(raw.get("name") or f"{method} {path}"),
            method=method,
            path=path,
            headers=headers,
            body=body,
            weight=float(raw.get("weight", 1.0)),
            expect=tuple(int(status) for status in raw.get("expect", (200,))),
            expect_json=expect_json if isinstance(expect_json, str) else json.dumps(expect_json),
            needs=tuple(raw.get("needs", ())),
        )
        return dataclasses.replace(line, stores=bool(raw.get("stores", line.uses_key)))


def flow_line(method: str, name: str, needs: tuple[str, ...]) -> RequestLine:
    """What a flow was seen to ask. What it expects is its own: the rows say what it thought of each answer."""
    return RequestLine(f"{method} {name}", method=method, needs=needs)


def _headers_and_body(raw: dict[str, Any]) -> tuple[tuple[tuple[str, str], ...], str]:
    pairs = raw.get("headers", ())
    headers = tuple((str(k), str(v)) for k, v in (pairs.items() if isinstance(pairs, dict) else pairs))
    if "json" not in raw:
        return headers, str(raw.get("body", ""))
    if "body" in raw:
        raise ValueError("a request line has json or body, not both")
    if not any(name.lower() == "content-type" for name, _ in headers):
        headers = (*headers, ("Content-Type", "application/json"))
    return headers, json.dumps(raw["json"])


def _check_json(name: str, text: str) -> None:
    try:
        json.loads(text)
    except ValueError as error:
        raise ValueError(f"{name}: expect_json is not JSON: {error}") from error
