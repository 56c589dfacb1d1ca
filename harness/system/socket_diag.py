"""The kernel's table of TCP sockets asked over netlink: one socket in 10 µs, where reading /proc/net/tcp takes 10 ms.

The file is long to read not for its rows but for the kernel's walk over a hash table that is sized by the machine's
memory; on the loop of the harness that is a stall of its own. Where netlink is not to be had, /proc answers.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator

from harness.system.sockets import ESTABLISHED, LISTEN, TcpRow, peer_inode, tcp_rows

_SOCK_DIAG = 4  # NETLINK_SOCK_DIAG
_BY_FAMILY = 20  # SOCK_DIAG_BY_FAMILY
_ALL_FAMILIES = 18  # TCPDIAG_GETSOCK: older, but one walk gives IPv4 and IPv6
_REQUEST, _DUMP = 0x1, 0x300
_ERROR, _DONE = 2, 3
_ESTABLISHED = 1
_HEAD = struct.Struct("=IHHII")  # length, type, flags, sequence, pid
_ASK = struct.Struct("=BBBxI")  # family, protocol, extensions, states as bits; the ends follow
_ASK_ALL = struct.Struct("=BBBB48sII")  # family, lengths of addresses, extensions, the ends, states as bits, tables
_PORTS = struct.Struct("!HH16s16s")
_ANY = struct.pack("=III", 0, 0xFFFFFFFF, 0xFFFFFFFF)  # any interface, any cookie
_INODE_AT = 84
_ATTRIBUTES_AT = 88
_INFO = 2  # INET_DIAG_INFO: the connection's struct tcp_info, whose field tcpi_bytes_received is a u64 at 128
_RECEIVED_AT = 128
_TIMEOUT_S = 0.2

End = tuple[str, int]


def inode_of(local: End, remote: End) -> int:
    """Inode of the connection between these ends, held by the process at `local`; 0 while nobody accepted it."""
    family = socket.AF_INET6 if ":" in local[0] else socket.AF_INET
    ask = _ASK.pack(family, socket.IPPROTO_TCP, 0, 0xFFFFFFFF)
    ask += _PORTS.pack(local[1], remote[1], socket.inet_pton(family, local[0]), socket.inet_pton(family, remote[0]))
    try:
        message = next(_answers(_BY_FAMILY, _REQUEST, ask + _ANY), b"")
    except OSError:
        message = b""
    row = _row(message)
    if row is None or row.state == LISTEN:  # the kernel may offer the listener where the connection is gone
        return peer_inode(remote[1], local[1])
    return row.inode


def established() -> list[TcpRow]:
    """All established connections of this network namespace, IPv4 and IPv6."""
    try:
        found = [_row(message) for message in _answers(_ALL_FAMILIES, _REQUEST | _DUMP, _ask_all())]
    except OSError:
        return [row for row in tcp_rows() if row.state == ESTABLISHED]
    return [row for row in found if row is not None]


def received(local_port: int) -> dict[int, int]:
    """Bytes that each established connection at this port has brought, by inode; empty where the kernel says nothing
    of it."""
    try:
        messages = list(_answers(_ALL_FAMILIES, _REQUEST | _DUMP, _ask_all(1 << _INFO - 1)))
    except OSError:
        return {}
    rows = [(row, message) for message in messages if (row := _row(message)) is not None]
    return {row.inode: _received(message) for row, message in rows if row.local_port == local_port and row.inode}


def _ask_all(extensions: int = 0) -> bytes:
    return _ASK_ALL.pack(0, 0, 0, extensions, _PORTS.pack(0, 0, b"", b"") + _ANY, 1 << _ESTABLISHED, 0)


def _answers(question: int, flags: int, body: bytes) -> Iterator[bytes]:
    """The messages that the kernel sends for one question; OSError where it refuses."""
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _SOCK_DIAG) as kernel:
        kernel.settimeout(_TIMEOUT_S)
        kernel.send(_HEAD.pack(_HEAD.size + len(body), question, flags, 1, 0) + body)
        while True:
            data, offset = kernel.recv(65_536), 0
            while offset + _HEAD.size <= len(data):
                length, kind, *_ = _HEAD.unpack_from(data, offset)
                if kind == _DONE:
                    return
                if kind == _ERROR:
                    raise OSError(-struct.unpack_from("=i", data, offset + _HEAD.size)[0], "refused by the kernel")
                yield data[offset : offset + length]
                offset += (length + 3) & ~3
            if not flags & _DUMP:
                return


def _row(message: bytes) -> TcpRow | None:
    if len(message) < _INODE_AT + 4:
        return None
    local_port, remote_port = struct.unpack_from("!HH", message, 20)
    return TcpRow(local_port, remote_port, f"{message[17]:02X}", struct.unpack_from("=I", message, _INODE_AT)[0])


def _received(message: bytes) -> int:
    """The attributes follow the row: length with its own head, kind, value; the next one at a multiple of four."""
    at = _ATTRIBUTES_AT
    while at + 4 <= len(message):
        length, kind = struct.unpack_from("=HH", message, at)
        if kind == _INFO and length >= 4 + _RECEIVED_AT + 8:
            return int(struct.unpack_from("=Q", message, at + 4 + _RECEIVED_AT)[0])
        at += max(4, (length + 3) & ~3)
    return 0
