"""The programmable HTTP dependency: a process of its own that speaks HTTP on a port and takes orders on stdin.

Started by path (`python -I stub_server.py PORT`), so that nothing of ours is imported and it is up in a moment. Every
path is the app's; orders and answers are JSON lines on stdin and stdout, and the end of stdin is the end of the stub.

    {"id": 1, "do": "program", "routes": […], "by": "slow", "behaviours": […], "seed": 7}    ->  {"id": 1}
    {"id": 2, "do": "counts"}                                                  ->  {"id": 2, "total": 12, …}
    {"id": 3, "do": "recent"}                                                  ->  {"id": 3, "heads": ["GET / …"]}

Behaviours are kept for each `by`: of each the first that fits a path holds, and what several do adds up.
"""

from __future__ import annotations

import asyncio
import json
import random
import sys
from collections import Counter, deque
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import Any

import httptools

_MAX_PATHS = 1000
_MAX_HEADS = 50
_REST = "(other paths)"
_NO_BODY = (204, 304)
_JSON = "application/json"
_PIECE_S = 0.2
_BODIES = ("truncated", "other-type", "html")


def matches(pattern: str, path: str) -> bool:
    """The same path; a `*` at the end of the pattern stands for any rest."""
    return path.startswith(pattern[:-1]) if pattern.endswith("*") else path == pattern


def find(entries: list[dict[str, Any]], path: str) -> dict[str, Any] | None:
    """The first entry whose pattern fits."""
    return next((entry for entry in entries if matches(entry["path"], path)), None)


@dataclass(frozen=True, slots=True)
class Answer:
    """`over_s`: the body comes in pieces over this time, its head at once."""

    delay_s: float
    status: int
    body: bytes
    media_type: str = _JSON
    over_s: float = 0.0


class Dependency:
    """What is answered, and what was asked."""

    def __init__(self) -> None:
        self.routes: list[dict[str, Any]] = []
        self.programmes: dict[str, Programme] = {}
        self.total = self.hung = self.failed = self.garbled = self.trickled = self.slowed = 0
        self.by_path: Counter[str] = Counter()
        self.heads: deque[str] = deque(maxlen=_MAX_HEADS)
        self.open: set[Connection] = set()

    def program(self, order: dict[str, Any]) -> None:
        self.routes = order.get("routes", self.routes)
        by, behaviours = order.get("by", ""), order.get("behaviours", [])
        if behaviours:
            self.programmes[by] = Programme(behaviours, random.Random(order.get("seed", 0)))
        elif by:
            self.programmes.pop(by, None)
        else:
            self.programmes.clear()

    def counts(self) -> dict[str, Any]:
        peers = sorted(connection.peer_port for connection in self.open)
        kept = {"total": self.total, "hung": self.hung, "failed": self.failed}
        kept |= {"garbled": self.garbled, "trickled": self.trickled, "slowed": self.slowed}
        return {**kept, "by_path": dict(self.by_path), "peers": peers}

    def answer(self, path: str) -> Answer | None:
        """None: there will be no answer."""
        self.total += 1
        self.by_path[path if path in self.by_path or len(self.by_path) < _MAX_PATHS else _REST] += 1
        route = find(self.routes, path) or {}
        fitting = [(found, each.chance) for each in self.programmes.values() if (found := find(each.behaviours, path))]
        if any(its.get("hang") and chance.random() < its.get("share", 1) for its, chance in fitting):
            self.hung += 1
            return None
        late_ms = sum(its["latency_ms"] for its, chance in fitting if slows(its, chance))
        self.slowed += late_ms > 0
        delay_s = (route.get("latency_ms", 0) + late_ms) / 1000
        for its, chance in fitting:
            if chance.random() < its.get("error_rate", 0):
                self.failed += 1
                return Answer(delay_s, its.get("status", 500), b'{"error": "as programmed"}')
        answer = Answer(delay_s, route.get("status", 200), json.dumps(route.get("json", {})).encode())
        for its, chance in fitting:
            answer = self._spoil(answer, its, chance)
        return answer

    def _spoil(self, answer: Answer, its: dict[str, Any], chance: random.Random) -> Answer:
        """The body made wrong, or spread over a time, for the share of requests that this falls on."""
        body, over_s = its.get("body", ""), its.get("trickle_ms", 0) / 1000
        if not (body or over_s) or chance.random() >= its.get("share", 1):
            return answer
        if body:
            self.garbled += 1
            answer = garble(answer, chance.choice(_BODIES) if body == "any" else body)
        if over_s:
            self.trickled += 1
            answer = replace(answer, body=answer.body.rjust(pieces(over_s)), over_s=over_s)
        return answer


@dataclass(frozen=True, slots=True)
class Programme:
    behaviours: list[dict[str, Any]]
    chance: random.Random


def slows(its: dict[str, Any], chance: random.Random) -> bool:
    """Nothing is drawn where it is not asked for: what else is drawn stays what the seed says."""
    return bool(its.get("latency_ms", 0) > 0 and chance.random() < its.get("share", 1))


def garble(answer: Answer, how: str) -> Answer:
    """Valid HTTP whose body is not what was agreed: JSON cut in the middle, a list of it, a page of a gateway."""
    if how == "truncated":
        return replace(answer, body=answer.body[: len(answer.body) // 2])
    if how == "other-type":
        return replace(answer, body=b"[" + answer.body + b"]")
    page = b"<!doctype html><title>Sorry</title><p>This service is being looked after."
    return replace(answer, body=page, media_type="text/html")


def pieces(over_s: float) -> int:
    """So many that no gap between two is long: a limit on each read, as most clients have, never fires."""
    return max(2, round(over_s / _PIECE_S))


def encode(answer: Answer, *, head: bool, keep_alive: bool) -> bytes:
    try:
        phrase = HTTPStatus(answer.status).phrase
    except ValueError:
        phrase = "Status"
    bodiless = answer.status in _NO_BODY
    lines = [f"HTTP/1.1 {answer.status} {phrase}"]
    if not bodiless:
        lines += [f"content-type: {answer.media_type}", f"content-length: {len(answer.body)}"]
    lines += [f"connection: {'keep-alive' if keep_alive else 'close'}", "", ""]
    return "\r\n".join(lines).encode() + (b"" if head or bodiless else answer.body)


class Connection(asyncio.Protocol):
    """One connection; requests that arrive together are answered in their order."""

    def __init__(self, dependency: Dependency) -> None:
        self._dependency = dependency
        self._parser = httptools.HttpRequestParser(self)
        self._waiting: deque[tuple[str, bool, bool]] = deque()
        self._busy = False
        self._timer: asyncio.TimerHandle | None = None
        self._url = b""
        self._headers: list[bytes] = []
        self.peer_port = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self.peer_port = transport.get_extra_info("peername")[1]
        self._dependency.open.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._dependency.open.discard(self)
        if self._timer is not None:
            self._timer.cancel()

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            self._transport.write(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
            self._transport.close()

    def on_message_begin(self) -> None:
        self._url = b""
        self._headers = []

    def on_url(self, url: bytes) -> None:
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers.append(name + b": " + value)

    def on_message_complete(self) -> None:
        lines = [self._parser.get_method() + b" " + self._url, *self._headers]
        self._dependency.heads.append(b"\n".join(lines).decode("latin-1"))
        path = self._url.split(b"?", 1)[0].decode("latin-1")
        self._waiting.append((path, self._parser.get_method() == b"HEAD", self._parser.should_keep_alive()))
        self._next()

    def _next(self) -> None:
        if self._busy or not self._waiting:
            return
        path, head, keep_alive = self._waiting.popleft()
        self._busy = True
        answer = self._dependency.answer(path)
        if answer is None:
            return  # hangs: busy for ever
        if answer.delay_s > 0:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(answer.delay_s, self._send, answer, head, keep_alive)
        else:
            self._send(answer, head, keep_alive)

    def _send(self, answer: Answer, head: bool, keep_alive: bool) -> None:
        whole = encode(answer, head=head, keep_alive=keep_alive)
        start = whole.index(b"\r\n\r\n") + 4
        if answer.over_s <= 0 or start == len(whole):
            self._transport.write(whole)
            self._done(keep_alive)
            return
        self._transport.write(whole[:start])
        size = -(-(len(whole) - start) // pieces(answer.over_s))
        rest = deque(whole[at : at + size] for at in range(start, len(whole), size))
        self._trickle(rest, answer.over_s / len(rest), keep_alive)

    def _trickle(self, rest: deque[bytes], gap_s: float, keep_alive: bool) -> None:
        """One piece after each gap; the timer ends with the connection."""
        if not rest:
            self._done(keep_alive)
            return

        def next_piece() -> None:
            self._transport.write(rest.popleft())
            self._trickle(rest, gap_s, keep_alive)

        self._timer = asyncio.get_running_loop().call_later(gap_s, next_piece)

    def _done(self, keep_alive: bool) -> None:
        self._timer, self._busy = None, False
        if keep_alive:
            self._next()
        else:
            self._transport.close()


def say(**line: Any) -> None:
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


async def serve(port: int) -> int:
    dependency = Dependency()
    loop = asyncio.get_running_loop()
    try:
        server = await loop.create_server(lambda: Connection(dependency), "127.0.0.1", port, backlog=1024)
    except OSError as error:
        say(error=str(error.strerror))
        return 3
    orders = asyncio.StreamReader(limit=2**22)
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(orders), sys.stdin)
    say(port=port)
    async with server:
        while line := await orders.readline():
            order = json.loads(line)
            if order["do"] == "program":
                dependency.program(order)
                say(id=order["id"])
            elif order["do"] == "counts":
                say(id=order["id"], **dependency.counts())
            elif order["do"] == "recent":
                say(id=order["id"], heads=list(dependency.heads))
    return 0


if __name__ == "__main__":
    sys.exit(asyncio.run(serve(int(sys.argv[1]))))
