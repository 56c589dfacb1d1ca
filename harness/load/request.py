"""A request line as the bytes that go over the wire, and what its answer must look like."""

import json
from dataclasses import dataclass
from typing import Any

from harness.load.profile import Profile
from harness.model.request import KEY, RequestLine

_WITH_LENGTH = frozenset({"POST", "PUT", "PATCH"})


@dataclass(frozen=True, slots=True)
class WireRequest:
    name: str
    method: str
    head: str
    body: str
    expect: frozenset[int]
    expect_json: str

    @classmethod
    def of(cls, line: RequestLine, profile: Profile) -> "WireRequest":
        name = (profile.tls.server_name if profile.tls else "") or profile.host
        host = f"[{name}]" if ":" in name else name
        headers = "".join(f"{name}: {value}\r\n" for name, value in line.headers)
        head = f"{line.method} {line.path} HTTP/1.1\r\nHost: {host}:{profile.port}\r\n{headers}"
        return cls(line.name, line.method, head, line.body, frozenset(line.expect), line.expect_json)

    def encode(self, key: str) -> bytes:
        body = self.body.replace(KEY, key).encode()
        head = self.head.replace(KEY, key)
        if body or self.method in _WITH_LENGTH:
            head += f"Content-Length: {len(body)}\r\n"
        return f"{head}\r\n".encode("ascii") + body

    def accepts_body(self, body: bytes, key: str) -> bool:
        """Whether the answer is JSON that contains what is expected."""
        if not self.expect_json:
            return True
        try:
            answer = json.loads(body)
        except ValueError:
            return False
        return contains(answer, json.loads(self.expect_json.replace(KEY, key)))


def contains(answer: Any, wanted: Any) -> bool:
    """Objects may hold more than is wanted; everything else is equal. A truth value is no number."""
    if isinstance(wanted, dict):
        return isinstance(answer, dict) and all(k in answer and contains(answer[k], v) for k, v in wanted.items())
    if isinstance(wanted, list):
        return (
            isinstance(answer, list)
            and len(answer) == len(wanted)
            and all(contains(a, w) for a, w in zip(answer, wanted, strict=True))
        )
    return isinstance(answer, bool) == isinstance(wanted, bool) and bool(answer == wanted)
