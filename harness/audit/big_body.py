"""Sends a body that is too large, and sees how much of it was taken before there was an answer."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from harness.deployment import Address
from harness.system.proc import read_stat

_PIECE = 2**18
_BUFFER = 2**16  # ours is small, so that what was sent is what the other side took (but for its own buffer)
_LOOK_S = 0.01


@dataclass(frozen=True, slots=True)
class Sent:
    """`status` −1: the connection ended without an answer, or there was none in time (`timed_out`)."""

    status: int
    sent_bytes: int
    server: str = ""
    timed_out: bool = False


async def send_body(address: Address, head: str, start: bytes, size: int, *, chunked: bool, timeout_s: float) -> Sent:
    """`head` without its framing and end; `start` is padded with spaces to `size` bytes."""
    framing = "Transfer-Encoding: chunked" if chunked else f"Content-Length: {size}"
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _BUFFER)
    sock.setblocking(False)
    try:
        await asyncio.get_running_loop().sock_connect(sock, (address.host, address.port))
        reader, writer = await asyncio.open_connection(sock=sock)
    except OSError:
        sock.close()
        return Sent(-1, 0)
    writer.transport.set_write_buffer_limits(high=_BUFFER)
    answer = asyncio.create_task(_read_head(reader))
    sent = [0]
    sending = asyncio.create_task(_send(writer, f"{head}{framing}\r\n\r\n".encode(), start, size, chunked, sent))
    try:
        done, _ = await asyncio.wait({answer}, timeout=timeout_s)
        status, server = answer.result() if done else (-1, "")
        return Sent(status, sent[0], server, not done)
    finally:
        for task in (sending, answer):
            task.cancel()
        await asyncio.wait({sending, answer})
        writer.transport.abort()


async def _send(
    writer: asyncio.StreamWriter, head: bytes, start: bytes, size: int, chunked: bool, sent: list[int]
) -> None:
    with contextlib.suppress(OSError):
        writer.write(head)
        for piece in _pieces(start, size):
            writer.write(b"%x\r\n%b\r\n" % (len(piece), piece) if chunked else piece)
            await writer.drain()
            sent[0] += len(piece)
        if chunked:
            writer.write(b"0\r\n\r\n")
            await writer.drain()


def _pieces(start: bytes, size: int) -> Iterator[bytes]:
    if start:  # an empty chunk would be the last
        yield start
    padding, left = b" " * _PIECE, size - len(start)
    while left > 0:
        yield padding[:left]
        left -= _PIECE


async def _read_head(reader: asyncio.StreamReader) -> tuple[int, str]:
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        status = int(head.split(" ", 2)[1])
    except (OSError, EOFError, ValueError, IndexError, asyncio.LimitOverrunError):
        return -1, ""
    servers = [line.partition(":")[2].strip() for line in head.split("\r\n") if line.lower().startswith("server:")]
    return status, servers[0] if servers else ""


class Growth:
    """By how much the memory of one process has grown, at most."""

    def __init__(self, pids: Sequence[int]) -> None:
        self._before = {pid: (_resident(pid), _peak(pid)) for pid in pids}
        self.most_bytes = 0

    def look(self) -> None:
        """The peak that the kernel keeps tells of moments between two looks, while it is a new one."""
        for pid, (resident, peak) in self._before.items():
            self.most_bytes = max(self.most_bytes, _resident(pid) - resident, _peak(pid) - peak)


@asynccontextmanager
async def growth_of(pids: Sequence[int]) -> AsyncIterator[Growth]:
    growth = Growth(pids)

    async def watch() -> None:
        while True:
            growth.look()
            await asyncio.sleep(_LOOK_S)

    watching = asyncio.create_task(watch())
    try:
        yield growth
    finally:
        watching.cancel()
        growth.look()


def _resident(pid: int) -> int:
    stat = read_stat(pid)
    return stat.rss_bytes if stat is not None else 0


def _peak(pid: int) -> int:
    try:
        text = Path(f"/proc/{pid}/status").read_text("ascii", "replace")
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in text.splitlines() if line.startswith("VmHWM:")), 0)
