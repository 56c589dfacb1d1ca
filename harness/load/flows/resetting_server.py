"""A server that answers two requests on a connection and resets it at the third, for the self-test of a client.

A client that sends again in silence makes a server that cuts requests look healthy.
"""

import socket
import struct
from typing import Any

import gevent
from gevent import socket as gsocket

_ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


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
