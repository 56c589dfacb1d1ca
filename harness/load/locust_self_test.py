"""Proves, before any load, that a reset on a kept-alive connection is seen as a failure.

A client that sends again in silence makes a server that cuts requests look healthy. So a server of our own answers two
requests on a connection and resets it at the third; the same code that makes the load must count two answers and one
reset, the server must have seen three requests, and Locust's statistics must agree.
"""

import os
import socket
import struct
import tempfile
import time
from typing import Any

import gevent
from gevent import socket as gsocket

from harness.load.locust_run import LocustRun
from harness.load.profile import Profile, Segment
from harness.load.rows_file import read_rows
from harness.model.request import RequestLine
from harness.model.rows import Outcome

_ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
_DEADLINE_S = 5.0


class SelfTestFailed(Exception):
    """The driver cannot be trusted here."""


class ResettingServer:
    def __init__(self) -> None:
        self.seen = 0
        self._listener: Any = gsocket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self._listener.bind(("127.0.0.1", 0))
        self._listener.listen(8)
        self.port: int = self._listener.getsockname()[1]
        self._greenlet = gevent.spawn(self._serve)

    def close(self) -> None:
        self._greenlet.kill()
        self._listener.close()

    def _serve(self) -> None:
        while True:
            connection, _ = self._listener.accept()
            try:
                self._answer_twice(connection)
            finally:
                connection.close()

    def _answer_twice(self, connection: Any) -> None:
        for count in range(3):
            if not connection.recv(65536):
                return
            self.seen += 1
            if count < 2:
                connection.sendall(_ANSWER)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def self_test() -> None:
    server = ResettingServer()
    descriptor, path = tempfile.mkstemp(prefix="shakedown-self-test-")
    os.close(descriptor)
    try:
        _check(server, path)
    finally:
        os.unlink(path)
        server.close()


def _check(server: ResettingServer, path: str) -> None:
    profile = Profile(
        host="127.0.0.1",
        port=server.port,
        segments=(Segment.steady(0.03, 100),),
        requests=(RequestLine("self-test"),),
        connections=1,
        timeout_s=_DEADLINE_S,
        queue_timeout_s=_DEADLINE_S,
    )
    run = LocustRun(profile, path)
    run.begin()
    now = time.monotonic_ns()
    run.engine.start(now, now)
    ended = run.finished.wait(_DEADLINE_S)
    done = run.end()
    codes = read_rows(path)["code"].tolist()
    wanted = [Outcome.OK, Outcome.OK, Outcome.RESET_REUSED]
    if not ended or codes != wanted or (server.seen, done.locust_requests, done.locust_failures) != (3, 3, 1):
        names = ", ".join(Outcome(code).name.lower() for code in codes) or "nothing"
        raise SelfTestFailed(
            "A connection that was reset at its third request should have been seen as two answers and one reset. "
            f"Seen: {names}; the server saw {server.seen} requests, Locust counted {done.locust_requests} requests "
            f"and {done.locust_failures} failures."
        )
