"""A TCP connection that carries one request at a time, and says how each ended. Nothing is ever sent twice.

A request leaves by a write on the socket itself while nothing is queued before it: so the stamp that follows is true,
and a connection that the peer has broken is known at once. Over TLS it is stamped when it is handed to be encrypted.
"""

import asyncio
import os
import select
import time
from typing import Protocol, cast

from harness.load.answer import Answer, NotHttp
from harness.load.request import WireRequest
from harness.model.rows import NO_STATUS, UNKNOWN_NS, Flag, Outcome

Job = tuple[int, int, int]
"""Number, due moment and request line of an arrival."""

_now = time.monotonic_ns
_STALE_NS = 500_000_000
_REUSED = int(Flag.REUSED)


class Owner(Protocol):
    def finished(self, connection: "Connection", code: Outcome) -> None:
        """The request of the connection has ended; its stamps are still there."""

    def idle(self, connection: "Connection") -> None:
        """It can carry another one."""

    def lost(self, connection: "Connection") -> None:
        """The connection is closed, or being closed."""


class Connection(asyncio.Protocol):
    __slots__ = (
        "_broken",
        "_fd",
        "_key",
        "_owner",
        "_pid_header",
        "_released_ns",
        "_request",
        "_tls",
        "_transport",
        "answer",
        "busy",
        "first",
        "job",
        "number",
        "open",
        "sent",
        "serial",
    )

    def __init__(self, owner: Owner, number: int, pid_header: bytes) -> None:
        self._owner, self.number, self._pid_header = owner, number, pid_header
        self._transport: asyncio.Transport | None = None
        self._fd = -1
        self._tls = False
        self.serial = 0
        self.open = True
        self.busy = self._broken = False
        self.sent = self.first = self._released_ns = UNKNOWN_NS

    def send(self, job: Job, request: WireRequest, key: str) -> None:
        assert self._transport is not None
        self.job, self._request, self._key = job, request, key
        self.answer.begin(is_head=request.method == "HEAD", keep_body=bool(request.expect_json))
        if self.serial:
            self.answer.flags = _REUSED
        self.serial += 1
        self.busy, self.first = True, UNKNOWN_NS
        wire = request.encode(key)
        try:
            written = 0 if self._tls else os.write(self._fd, wire)
        except BlockingIOError:
            written = 0
        except OSError:
            self._broken, written = True, len(wire)  # the server may have answered before it closed
        if written < len(wire):
            self._transport.write(wire[written:])
        self.sent = _now()

    @property
    def usable(self) -> bool:
        """False once the peer has closed it. After a pause the loop may not have heard of that: the kernel is asked."""
        if self.open and _now() - self._released_ns > _STALE_NS:
            waiting = select.poll()
            waiting.register(self._fd, select.POLLIN | select.POLLRDHUP)
            if waiting.poll(0):
                self.close()
        return self.open

    @property
    def tail(self) -> tuple[int, int, int, int]:
        answer = self.answer
        return answer.status or NO_STATUS, answer.flags, answer.pid, answer.size

    def give_up(self, code: Outcome) -> None:
        """Its time is over, or the load is."""
        self._finish(code)

    def close(self) -> None:
        if self.open:
            self.open = False
            if self._transport is not None:
                self._transport.abort()
            self._owner.lost(self)

    # What follows is called by the event loop.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = made = cast(asyncio.Transport, transport)  # uvloop's own is none by inheritance
        self._fd = made.get_extra_info("socket").fileno()
        self._tls = made.get_extra_info("sslcontext") is not None
        made.set_write_buffer_limits(high=0)
        self.answer = Answer(pid_header=self._pid_header)

    def resume_writing(self) -> None:
        """A body that had to wait has left."""
        if self.busy and self.first == UNKNOWN_NS:
            self.sent = _now()

    def data_received(self, data: bytes) -> None:
        if not self.busy:
            self.close()  # nobody asked for this
            return
        if self.first == UNKNOWN_NS:
            self.first = _now()
        answer = self.answer
        try:
            answer.feed(data)
        except NotHttp:
            self._finish(Outcome.PROTOCOL)
            return
        if answer.complete:
            self._finish(self._judge(), reusable=answer.reusable and not self._broken)

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        was_open, self.open = self.open, False
        if self.busy:
            ended = exc is None and self.answer.end()
            self._finish(self._judge() if ended else self._cut(reset=self._broken or exc is not None))
        self.answer.release()
        if was_open:
            self._owner.lost(self)

    def _finish(self, code: Outcome, *, reusable: bool = False) -> None:
        self.busy = False
        self._owner.finished(self, code)
        if reusable and self.open:
            self._released_ns = _now()
            self._owner.idle(self)
        else:
            self.close()

    def _judge(self) -> Outcome:
        request, answer = self._request, self.answer
        if answer.status not in request.expect:
            return Outcome.BAD_STATUS
        if not request.expect_json or request.accepts_body(bytes(answer.body), self._key):
            return Outcome.OK
        return Outcome.WRONG_BODY

    def _cut(self, *, reset: bool) -> Outcome:
        if self.answer.status:
            return Outcome.RESET_BODY if reset else Outcome.EOF_BODY
        if self.first != UNKNOWN_NS:
            return Outcome.RESET_HEADERS if reset else Outcome.EOF_HEADERS
        if self.answer.flags & _REUSED:
            return Outcome.RESET_REUSED if reset else Outcome.EOF_REUSED
        return Outcome.RESET_FRESH if reset else Outcome.EOF_FRESH
