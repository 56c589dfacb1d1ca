"""One request of a flow as its bytes went over the wire: from the first try to connect to the end of the answer."""

import time
from typing import Any

from gevent import GreenletExit

from harness.load.answer import Answer, NotHttp
from harness.load.flows.attempt import Attempt
from harness.model.rows import NO_STATUS, UNKNOWN_NS, Flag, Outcome

NO_ARRIVAL = -1  # a request that is not the first of its arrival; its number comes with its row


class Exchange(Attempt):
    """`over`: its end was seen on the wire, and `code` says how. The flow's own judgement may follow.

    `asker` is the greenlet that asked for it, `named` whether the flow gave it a name, else it has that of its path.
    """

    __slots__ = ("answer", "asker", "broken", "deadline", "method", "name", "named", "over")

    def __init__(self, k: int, intended: int, asker: Any) -> None:
        super().__init__(k, intended, 0)
        self.asker = asker
        self.method = self.name = ""
        self.answer: Answer | None = None
        self.deadline = 0
        self.broken = self.over = self.named = False

    def begin(self, method: str, name: str, conn: int, uses: int, timeout_ns: int, pid_header: bytes) -> None:
        """The head of the request is about to be written."""
        self.method, self.name = method, name
        self.code, self.conn = Outcome.UNFINISHED, conn
        self.flags = int(Flag.REUSED) if uses else 0
        self.answer = Answer(is_head=method == "HEAD", pid_header=pid_header)
        self.sent = time.monotonic_ns()  # if it is stopped while writing, the request may have arrived
        self.deadline = self.sent + timeout_ns

    def wrote(self) -> None:
        self.sent = time.monotonic_ns()

    def read(self, data: Any) -> None:
        """What came, or nothing: the peer has closed."""
        assert self.answer is not None
        if not len(data):
            self.end(Outcome.OK if self.answer.end() else self.cut(reset=self.broken))
            return
        if self.first == UNKNOWN_NS:
            self.first = time.monotonic_ns()
        try:
            self.answer.feed(bytes(data))
        except NotHttp:
            self.end(Outcome.PROTOCOL)
            return
        if self.answer.complete:
            self.end(Outcome.OK)

    def fail(self, error: BaseException) -> None:
        """Reading or writing ended with an error; a greenlet that is killed stops what it has in hand."""
        if isinstance(error, TimeoutError):
            self.end(Outcome.TIMEOUT if self.first == UNKNOWN_NS else Outcome.TIMEOUT_PARTIAL)
        elif isinstance(error, OSError):
            self.end(self.cut(reset=True))
        elif isinstance(error, GreenletExit):
            self.end(Outcome.UNFINISHED)
        else:  # a gevent.Timeout of the flow's own
            self.end(Outcome.TIMEOUT if self.first == UNKNOWN_NS else Outcome.TIMEOUT_PARTIAL)

    def drop(self) -> None:
        """Its socket is closed. Before the end of the answer that is the client's own doing, or a write that broke.

        A client need not wait for the end of a body that has no length.
        """
        if self.broken:
            self.end(self.cut(reset=True))
        elif not self.over and self.answer is not None and self.answer.end():
            self.end(Outcome.OK)
        else:
            self.end(self.code)

    def end(self, code: Outcome) -> None:
        if self.over:
            return
        self.over, self.code, self.done = True, code, time.monotonic_ns()
        if self.answer is not None:
            self.status = self.answer.status or NO_STATUS
            self.flags |= int(self.answer.flags)
            self.pid, self.size = self.answer.pid, self.answer.size
            self.answer.release()

    def cut(self, *, reset: bool) -> Outcome:
        assert self.answer is not None
        if self.answer.status:
            return Outcome.RESET_BODY if reset else Outcome.EOF_BODY
        if self.first != UNKNOWN_NS:
            return Outcome.RESET_HEADERS if reset else Outcome.EOF_HEADERS
        if self.flags & Flag.REUSED:
            return Outcome.RESET_REUSED if reset else Outcome.EOF_REUSED
        return Outcome.RESET_FRESH if reset else Outcome.EOF_FRESH

    def judge(self, failed: bool | None) -> None:
        """What the flow says of a whole answer: failed, not failed, or nothing, and then its status decides."""
        if self.code is not Outcome.OK:
            return
        bad_status = self.status != NO_STATUS and self.status >= 400
        if failed is None:
            failed = bad_status
        if failed:
            self.code = Outcome.BAD_STATUS if bad_status else Outcome.WRONG_BODY
