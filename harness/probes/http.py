"""The HTTP/1.1 client of the probes: small, exact about when and how a probe ended, and cheap.

A protocol straight on the loop with the httptools parser: no pool, no retry, no redirect, nothing that could hide a
refusal, a reset or an end of file (T11). The body is read and thrown away. One request at a time on a connection.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

import httptools

from harness.deployment import Address
from harness.model.observation import ProbeOutcome
from harness.system.clock import Clock
from harness.system.socket_diag import End, inode_of


@dataclass(frozen=True, slots=True)
class Answer:
    """How a request ended. `status` −1: none came. `reusable`: the server keeps the connection open."""

    outcome: ProbeOutcome
    status: int
    sent_ns: int
    done_ns: int
    reusable: bool = False
    why: str = ""

    @property
    def good(self) -> bool:
        return self.outcome == "answered" and 200 <= self.status <= 399


def get_request(address: Address, path: str, *, close: bool = False) -> bytes:
    """The bytes of a probe; `close` asks the server to end the connection, as a kubelet does."""
    ending = "Connection: close\r\n" if close else ""
    return (
        f"GET {path} HTTP/1.1\r\nHost: {address.host}:{address.port}\r\n"
        f"User-Agent: shakedown-probe\r\nAccept: */*\r\n{ending}\r\n"
    ).encode("latin-1")


class Connection(asyncio.Protocol):
    """A connection to the server. `send` begins a request, `answer` waits for what comes of it."""

    def __init__(self, clock: Clock) -> None:
        self.ended = ""  # why the connection is over; empty while it is open
        self.sent_ns = -1  # when the last request was begun
        self._clock = clock
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._waiting: asyncio.Future[Answer] | None = None
        self._parser: httptools.HttpResponseParser | None = None
        self._forget()

    @property
    def open(self) -> bool:
        return not self.ended

    @property
    def ends(self) -> tuple[End, End] | None:
        """Our end and the server's, by which the kernel's table knows the connection."""
        if self._transport is None:
            return None
        ours, theirs = self._transport.get_extra_info("sockname"), self._transport.get_extra_info("peername")
        return ((ours[0], ours[1]), (theirs[0], theirs[1])) if ours and theirs else None

    def send(self, first: bytes) -> asyncio.Future[Answer]:
        """Write a request, or the first part of one. The future always gets an answer, at the latest when it ends."""
        self._waiting = self._loop.create_future()
        self._forget()
        self.sent_ns = self._clock.now_ns()
        if self._transport is None or self.ended:
            self._settle("eof", self.ended or "not connected")
        else:
            self._transport.write(first)
        return self._future

    def send_more(self, rest: bytes) -> None:
        """The next part of a request that was begun."""
        if self._transport is not None and self.open:
            self._transport.write(rest)

    async def ask(self, request: bytes, timeout_s: float) -> Answer:
        """Send and wait; after `timeout_s` the outcome is timeout and the connection is of no use any more."""
        waiting = self.send(request)
        try:
            async with asyncio.timeout(timeout_s):
                return await waiting
        except TimeoutError:
            self.close()
            why = f"no answer in {timeout_s:g} s"
            return Answer("timeout", self._status, self.sent_ns, self._clock.now_ns(), why=why)

    def give_up(self) -> None:
        """Nobody waits any longer: the pending request ends as a timeout, now."""
        self._settle("timeout", "given up")

    def close(self) -> None:
        if self._transport is not None:
            self._transport.abort()  # nothing is buffered that anybody wants
        self.ended = self.ended or "closed by the probe"

    def server_inode(self) -> int:
        """Inode of the server's end; 0 while no process has accepted it, or when it is gone."""
        ends = self.ends
        return inode_of(ends[1], ends[0]) if ends is not None and self.open else 0

    # asyncio's side

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        if self._parser is None:
            self._parser = httptools.HttpResponseParser(self)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            self._settle("error", f"not HTTP: {error}")
            self.close()

    def connection_lost(self, exc: Exception | None) -> None:
        self.ended = self.ended or ("reset" if exc else "closed by the server")
        if self._until_eof and exc is None:
            self._settle("answered", "")
        self._settle("reset" if exc else "eof", self.ended)

    # the parser's side

    def on_header(self, name: bytes, value: bytes) -> None:
        if name.lower() in (b"content-length", b"transfer-encoding"):
            self._framed = True

    def on_headers_complete(self) -> None:
        assert self._parser is not None
        status = self._parser.get_status_code()
        if status >= 200:
            self._status = status
            self._until_eof = not self._framed and status not in (204, 304)

    def on_message_complete(self) -> None:
        if self._status < 0:  # 100 Continue and its like: the answer is still to come
            self._framed = False
            return
        assert self._parser is not None
        self._settle("answered", "", reusable=self._parser.should_keep_alive())

    @property
    def _future(self) -> asyncio.Future[Answer]:
        assert self._waiting is not None
        return self._waiting

    def _forget(self) -> None:
        self._status = -1
        self._framed = self._until_eof = False

    def _settle(self, outcome: ProbeOutcome, why: str, *, reusable: bool = False) -> None:
        if self._waiting is not None and not self._waiting.done():
            done_ns = self._clock.now_ns()
            self._waiting.set_result(Answer(outcome, self._status, self.sent_ns, done_ns, reusable, why))


async def connect(address: Address, clock: Clock, timeout_s: float) -> Connection | Answer:
    """An open connection, or how the attempt ended."""
    sent_ns = clock.now_ns()
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(timeout_s):
            _, connection = await loop.create_connection(lambda: Connection(clock), address.host, address.port)
    except TimeoutError:
        return Answer("timeout", -1, sent_ns, clock.now_ns(), why=f"not connected in {timeout_s:g} s")
    except ConnectionRefusedError:
        return Answer("refused", -1, sent_ns, clock.now_ns(), why="refused")
    except ConnectionResetError:
        return Answer("reset", -1, sent_ns, clock.now_ns(), why="reset while connecting")
    except OSError as error:
        return Answer("error", -1, sent_ns, clock.now_ns(), why=str(error))
    return connection


async def get_once(address: Address, path: str, clock: Clock, timeout_s: float) -> Answer:
    """One GET on a connection of its own; `sent_ns` is the beginning of the connect."""
    sent_ns = clock.now_ns()
    connection = await connect(address, clock, timeout_s)
    if isinstance(connection, Answer):
        return connection
    try:
        left_s = max(timeout_s - (clock.now_ns() - sent_ns) / 1e9, 0.001)
        answer = await connection.ask(get_request(address, path, close=True), left_s)
    finally:
        connection.close()
    return Answer(answer.outcome, answer.status, sent_ns, answer.done_ns, False, answer.why)


def fill_request(address: Address, method: str, path: str, headers: Sequence[tuple[str, str]], body: bytes) -> bytes:
    """A whole request with a body of known length; the body is the last `len(body)` bytes."""
    lines = [f"{method} {path} HTTP/1.1", f"Host: {address.host}:{address.port}", "User-Agent: shakedown-probe"]
    names = {name.lower() for name, _ in headers}
    lines += [f"{name}: {value}" for name, value in headers if name.lower() not in ("host", "content-length")]
    if body:
        lines += [] if "content-type" in names else ["Content-Type: application/json"]
        lines.append(f"Content-Length: {len(body)}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1") + body
