"""What a flow's request is recorded as, and where it goes."""

import socket

from harness.model.rows import NO_CONN, NO_PID, NO_STATUS, PACK, UNKNOWN_NS, Outcome

_U32 = 2**32 - 1

Address = tuple[int, tuple[str, int]]


class Attempt:
    """What is known of an arrival so far, in absolute nanoseconds. Whenever it is stopped, it can be recorded."""

    __slots__ = ("code", "conn", "done", "endpoint", "first", "flags", "intended", "k", "pid", "sent", "size", "status")

    def __init__(self, k: int, intended: int, endpoint: int) -> None:
        self.k = k
        self.intended = intended
        self.endpoint = endpoint
        self.code = Outcome.UNFINISHED_CONNECT
        self.sent = self.first = self.done = UNKNOWN_NS
        self.conn, self.status, self.pid = NO_CONN, NO_STATUS, NO_PID
        self.flags = self.size = 0

    def row(self, origin: int) -> bytes:
        sent, first, done = (
            moment - origin if moment != UNKNOWN_NS else UNKNOWN_NS for moment in (self.sent, self.first, self.done)
        )
        times = (self.intended - origin, sent, first, done)
        tail = (self.code, self.endpoint, self.status, self.flags, self.pid, min(self.size, _U32))
        return PACK.pack(self.k, self.conn, *times, *tail)


def resolve(host: str, port: int) -> Address:
    """Once, before the load: a name server is no part of what is measured."""
    family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    return family, (str(address[0]), int(address[1]))
