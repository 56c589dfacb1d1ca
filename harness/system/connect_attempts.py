"""How often somebody tried in vain to connect to a port: told by the kernel, without anybody listening there.

A listener that resets would count too, but then connecting succeeds, and a refused link is no longer one. The kernel
tells whoever asks when a TCP socket is given up (SKNLGRP_INET_TCP_DESTROY, no privilege needed), with its ends and what
it carried: one to this port that never had a byte acknowledged, not even its SYN, was an attempt in vain. A blocking
`connect` forgets the port before the socket is given up, so only clients with a timeout or an event loop are counted;
the drivers of asynchronous services are.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
import time
from collections.abc import Iterator

_SOCK_DIAG = 4  # NETLINK_SOCK_DIAG
_TCP_ENDED = 1 << 0 | 1 << 2  # SKNLGRP_INET_TCP_DESTROY and SKNLGRP_INET6_TCP_DESTROY
_BUFFER_BYTES = 4 * 2**20
_HEAD = struct.Struct("=IHHII")  # length, type, flags, sequence, pid
_PORTS_AT = _HEAD.size + 4  # after family, state, timer, retransmissions
_ATTRIBUTES_AT = _HEAD.size + 72  # after struct inet_diag_msg
_INFO = 2  # INET_DIAG_INFO: struct tcp_info
_QUIET_S, _SETTLE_S = 0.05, 0.5
_ACKED_AT = 120  # tcpi_bytes_acked in it


class ConnectAttempts:
    """Counts from `open` to `close`. `count` is None where the kernel does not tell, or told more than was read."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._kernel: socket.socket | None = None
        self._count: int | None = None

    @property
    def count(self) -> int | None:
        self._read()
        return self._count

    def open(self) -> None:
        """Begin at zero; twice is as good as once."""
        self.close()
        self._count = None
        with contextlib.ExitStack() as undo:
            try:
                kernel = undo.enter_context(socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _SOCK_DIAG))
                kernel.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER_BYTES)
                kernel.bind((0, _TCP_ENDED))
            except OSError:
                return
            kernel.setblocking(False)
            asyncio.get_running_loop().add_reader(kernel, self._read)
            self._kernel, self._count = kernel, 0
            undo.pop_all()

    async def settle(self) -> int | None:
        """The count once nothing more comes: the kernel tells of an end a little after it."""
        last: int | None = -1
        end = time.monotonic() + _SETTLE_S
        while self.count != last and time.monotonic() < end:
            last = self._count
            await asyncio.sleep(_QUIET_S)
        return self._count

    def close(self) -> None:
        """Stop counting; what was counted stays."""
        if self._kernel is None:
            return
        self._read()
        asyncio.get_running_loop().remove_reader(self._kernel)
        self._kernel.close()
        self._kernel = None

    def _read(self) -> None:
        while self._kernel is not None:
            try:
                data = self._kernel.recv(65_536)
            except BlockingIOError:
                return
            except OSError:  # ENOBUFS: some were lost
                self._count = None
                return
            if self._count is not None:
                self._count += sum(in_vain(message, self._port) for message in _messages(data))


def in_vain(message: bytes, port: int) -> bool:
    """Is it the end of a socket that tried to reach this port and never got an answer but RST?"""
    if len(message) < _ATTRIBUTES_AT or struct.unpack_from("!H", message, _PORTS_AT + 2)[0] != port:
        return False
    return _acked(message) == 0


def _acked(message: bytes) -> int:
    """Bytes that the other end acknowledged, its SYN included; −1 where the kernel does not say."""
    at = _ATTRIBUTES_AT
    while at + 4 <= len(message):
        length, kind = struct.unpack_from("=HH", message, at)
        if kind == _INFO and length >= 4 + _ACKED_AT + 8:
            return int(struct.unpack_from("=Q", message, at + 4 + _ACKED_AT)[0])
        at += max(4, (length + 3) & ~3)
    return -1


def _messages(data: bytes) -> Iterator[bytes]:
    at = 0
    while at + _HEAD.size <= len(data):
        length = max(_HEAD.size, _HEAD.unpack_from(data, at)[0])
        yield data[at : at + length]
        at += (length + 3) & ~3
