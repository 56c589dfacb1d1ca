"""Reads one HTTP/1.1 answer as its bytes come, and tells how far it got.

Without sockets, so that every load driver can use it.
"""

import httptools

from harness.model.rows import NO_PID, Flag

_SWITCHED = 101
# As plain numbers: arithmetic on a Flag costs more than the rest of an answer.
_CLOSE_DELIMITED, _UNSOLICITED, _INTERIM = int(Flag.CLOSE_DELIMITED), int(Flag.UNSOLICITED), int(Flag.INTERIM)
_SPOILED = _UNSOLICITED | _CLOSE_DELIMITED


class NotHttp(Exception):
    """The bytes are no HTTP/1.1 answer."""


class Answer:
    """`status` is 0 until the headers are whole; `body` is kept only if asked for.

    One reads the answers of a connection one after the other, `begin` before each but the first.
    """

    __slots__ = (
        "_chunked",
        "_interim",
        "_is_head",
        "_keep_body",
        "_length",
        "_parser",
        "_pid_header",
        "body",
        "complete",
        "flags",
        "keep_alive",
        "pid",
        "size",
        "status",
    )

    def __init__(self, *, is_head: bool = False, keep_body: bool = False, pid_header: bytes = b"") -> None:
        self._pid_header = pid_header
        self._parser: httptools.HttpResponseParser | None = None
        self._is_head = False
        self.begin(is_head=is_head, keep_body=keep_body)

    def begin(self, *, is_head: bool = False, keep_body: bool = False) -> None:
        """The one before was reusable. An answer to HEAD leaves the parser waiting for a body that never comes."""
        if self._parser is None or self._is_head:
            self._parser = httptools.HttpResponseParser(self)
        self._is_head = is_head
        self._keep_body = keep_body
        self._chunked = self._length = self._interim = False
        self.status = self.size = 0
        self.flags = 0
        self.pid = NO_PID
        self.body = bytearray()
        self.complete = self.keep_alive = False

    def feed(self, data: bytes) -> None:
        assert self._parser is not None
        self.size += len(data)
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            if not self.complete or self.status == _SWITCHED:
                raise NotHttp(str(error) or "it switched to another protocol, unasked") from error
            self.flags |= _UNSOLICITED

    def end(self) -> bool:
        """The peer closed: whether that is how the body of this answer ends."""
        if self.status and not self.complete and not self._length and not self._chunked:
            self.complete = True
            self.flags |= _CLOSE_DELIMITED
        return self.complete

    @property
    def reusable(self) -> bool:
        return self.complete and self.keep_alive and not self.flags & _SPOILED

    def release(self) -> None:
        """No more will come. Parser and answer hold each other: without this they would wait for a collection."""
        self._parser = None

    # What follows is called by the parser.

    def on_message_begin(self) -> None:
        if self.complete:
            self.flags |= _UNSOLICITED

    def on_header(self, name: bytes, value: bytes) -> None:
        if self.complete:
            return
        lower = name.lower()
        if lower == b"content-length":
            self._length = True
        elif lower == b"transfer-encoding":
            self._chunked = b"chunked" in value.lower()
        elif lower == self._pid_header and value.isdigit() and len(value) < 10:
            self.pid = int(value)

    def on_headers_complete(self) -> None:
        if self.complete or self._parser is None:
            return
        status = self._parser.get_status_code()
        self._interim = 100 <= status < 200 and status != _SWITCHED
        if self._interim:
            self.flags |= _INTERIM
            self._length = self._chunked = False
            return
        self.status = status
        if self._is_head:
            self._complete()

    def on_body(self, data: bytes) -> None:
        if self.complete:
            self.flags |= _UNSOLICITED
        elif self._keep_body:
            self.body += data

    def on_message_complete(self) -> None:
        # An interim answer is a message of its own to the parser, and the real one follows.
        if not self._interim and not self.complete:
            self._complete()

    def _complete(self) -> None:
        assert self._parser is not None
        self.complete = True
        self.keep_alive = self._parser.should_keep_alive()  # forgotten as soon as this callback returns
