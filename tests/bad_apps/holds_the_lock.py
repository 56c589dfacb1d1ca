"""A client library in C waits for its answer without letting go of the interpreter's lock: threads stand still too.

Made with `ctypes.PyDLL`, which keeps the lock where `CDLL` would give it back.
"""

import ctypes
import os
import socket
from collections.abc import Callable
from urllib.parse import urlsplit

from sound import make_app

RATES = urlsplit(os.environ["RATES_URL"])
libc = ctypes.PyDLL(None)


def converter(*options: tuple[int, int, bytes]) -> Callable[[str], dict[str, bool]]:
    """`options` of the socket, such as a timeout."""

    def convert(currency: str) -> dict[str, bool]:
        head = f"GET /rates/{currency} HTTP/1.1\r\nHost: {RATES.netloc}\r\nConnection: close\r\n\r\n"
        answer = ctypes.create_string_buffer(4096)
        with socket.create_connection((RATES.hostname, RATES.port)) as sock:
            for option in options:
                sock.setsockopt(*option)
            sock.sendall(head.encode())
            libc.recv(sock.fileno(), answer, len(answer), 0)
        return {"known": b"200" in answer.raw}

    return convert


app = make_app()
app.add_api_route("/convert/{currency}", converter())
