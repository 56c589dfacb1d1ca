"""One request over one connection, with an outcome that hides nothing.

Locust's own clients send again when a kept-alive connection is reset, so a cut request looks like a good one
(Locust's FastHttpUser), or cannot say where an answer broke off. This client sends once.
"""

import socket
import time

from gevent import socket as gsocket

from harness.load.answer import Answer, NotHttp
from harness.load.request import WireRequest
from harness.model.rows import NO_CONN, NO_PID, NO_STATUS, PACK, UNKNOWN_NS, Flag, Outcome

_CHUNK = 65536
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


class Connection:
    """A TCP connection that carries one request at a time."""

    __slots__ = ("number", "socket", "uses")

    def __init__(self, number: int, sock: "gsocket.socket") -> None:
        self.number = number
        self.socket = sock
        self.uses = 0

    def idle_and_open(self) -> bool:
        """False once the peer has closed it, or has sent what nobody asked for."""
        self.socket.settimeout(0.0)
        try:
            self.socket.recv(1, socket.MSG_PEEK)
        except BlockingIOError:
            return True
        except OSError:
            return False
        return False

    def close(self) -> None:
        self.socket.close()


def resolve(host: str, port: int) -> Address:
    """Once, before the load: a name server is no part of what is measured."""
    family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    return family, (str(address[0]), int(address[1]))


def connect(attempt: Attempt, address: Address, number: int, timeout_s: float) -> Connection | None:
    family, where = address
    sock = gsocket.socket(family, socket.SOCK_STREAM)
    connected = False
    try:
        sock.settimeout(timeout_s)
        sock.connect(where)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connected = True
    except TimeoutError:
        attempt.code = Outcome.CONNECT_TIMEOUT
    except ConnectionRefusedError:
        attempt.code = Outcome.REFUSED
    except OSError:
        attempt.code = Outcome.CONNECT_OTHER
    finally:
        if not connected:
            sock.close()
    return Connection(number, sock) if connected else None


class Exchange:
    """Sends the request of an attempt and reads its answer. The client's timeout counts from the send."""

    def __init__(self, timeout_s: float, pid_header: str) -> None:
        self._timeout_ns = int(timeout_s * 1e9)
        self._pid_header = pid_header.lower().encode()

    def run(self, attempt: Attempt, connection: Connection, request: WireRequest, key: str) -> bool:
        """Fills in the attempt; True when the connection can be used again."""
        answer = Answer(
            is_head=request.method == "HEAD", keep_body=bool(request.expect_json), pid_header=self._pid_header
        )
        attempt.code, attempt.conn = Outcome.UNFINISHED, connection.number
        attempt.flags = int(Flag.REUSED) if connection.uses else 0
        connection.uses += 1
        try:
            attempt.code = self._send_and_read(attempt, connection, request.encode(key), answer)
            if attempt.code is Outcome.OK:
                attempt.code = _judge(request, answer, key)
            return answer.reusable
        finally:
            attempt.status = answer.status or NO_STATUS
            attempt.flags |= int(answer.flags)
            attempt.pid, attempt.size = answer.pid, answer.size
            answer.release()

    def _send_and_read(self, attempt: Attempt, connection: Connection, wire: bytes, answer: Answer) -> Outcome:
        attempt.sent = time.monotonic_ns()  # if we are stopped while writing, the request may have arrived
        deadline = attempt.sent + self._timeout_ns
        connection.socket.settimeout(self._timeout_ns / 1e9)
        broken = False
        try:
            connection.socket.sendall(wire)
        except TimeoutError:
            return Outcome.TIMEOUT
        except OSError:
            broken = True  # the server may have answered before it closed
        attempt.sent = time.monotonic_ns()
        try:
            while not answer.complete:
                data = _receive(connection, deadline)
                if not data:
                    return Outcome.OK if answer.end() else _cut(attempt, answer, reset=broken)
                if attempt.first == UNKNOWN_NS:
                    attempt.first = time.monotonic_ns()
                answer.feed(data)
        except TimeoutError:
            return Outcome.TIMEOUT if attempt.first == UNKNOWN_NS else Outcome.TIMEOUT_PARTIAL
        except NotHttp:
            return Outcome.PROTOCOL
        except OSError:
            return _cut(attempt, answer, reset=True)
        return Outcome.OK


def _receive(connection: Connection, deadline: int) -> bytes:
    left = deadline - time.monotonic_ns()
    if left <= 0:
        raise TimeoutError
    connection.socket.settimeout(left / 1e9)
    data: bytes = connection.socket.recv(_CHUNK)
    return data


def _cut(attempt: Attempt, answer: Answer, *, reset: bool) -> Outcome:
    if answer.status:
        return Outcome.RESET_BODY if reset else Outcome.EOF_BODY
    if attempt.first != UNKNOWN_NS:
        return Outcome.RESET_HEADERS if reset else Outcome.EOF_HEADERS
    if attempt.flags & Flag.REUSED:
        return Outcome.RESET_REUSED if reset else Outcome.EOF_REUSED
    return Outcome.RESET_FRESH if reset else Outcome.EOF_FRESH


def _judge(request: WireRequest, answer: Answer, key: str) -> Outcome:
    if answer.status not in request.expect:
        return Outcome.BAD_STATUS
    return Outcome.OK if request.accepts_body(bytes(answer.body), key) else Outcome.WRONG_BODY
