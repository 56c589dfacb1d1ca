"""Each way in which a probe ends has its own word."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from harness.deployment import Address
from harness.probes.http import Answer, Connection, connect, get_once, get_request
from harness.system.clock import Clock
from harness.system.ports import Ports

pytestmark = pytest.mark.real

Behaviour = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@contextlib.asynccontextmanager
async def listening(behaviour: Behaviour) -> AsyncIterator[Address]:
    """A server that reads a head and then behaves; all that it opened is closed at the end."""
    closed: list[asyncio.Event] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        closed.append(asyncio.Event())
        mine = closed[-1]
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            await reader.readuntil(b"\r\n\r\n")
            await behaviour(reader, writer)
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()
        mine.set()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        yield Address("127.0.0.1", server.sockets[0].getsockname()[1])
        await asyncio.wait_for(asyncio.gather(*(event.wait() for event in closed)), 30)


async def ask(behaviour: Behaviour, timeout_s: float = 20.0) -> Answer:
    async with listening(behaviour) as address:
        return await get_once(address, "/health", Clock.start(), timeout_s)


def says(*parts: bytes) -> Behaviour:
    async def behaviour(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for part in parts:
            writer.write(part)
            await writer.drain()

    return behaviour


async def hangs(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
    await reader.read()


async def resets(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    linger = struct.pack("ii", 1, 0)
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)


OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"


@pytest.mark.parametrize(
    ("behaviour", "outcome", "status"),
    [
        (says(OK), "answered", 200),
        (says(b"HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n"), "answered", 503),
        (says(b"HTTP/1.1 100 Continue\r\n\r\n", OK), "answered", 200),
        (says(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n"), "answered", 200),
        (says(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nuntil the end"), "answered", 200),
        (says(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\ncut"), "eof", 200),
        (says(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\ncut"), "eof", 200),
        (says(b"HTTP/1.1 2"), "eof", -1),
        (says(), "eof", -1),
        (says(b"SSH-2.0-OpenSSH_9.2\r\n\r\n"), "error", -1),
        (resets, "reset", -1),
    ],
)
def test_each_end_has_its_word(behaviour: Behaviour, outcome: str, status: int) -> None:
    answer = asyncio.run(ask(behaviour))
    assert (answer.outcome, answer.status) == (outcome, status)
    assert 0 <= answer.sent_ns <= answer.done_ns


def test_no_answer_is_a_timeout_after_the_time_asked_for() -> None:
    answer = asyncio.run(ask(hangs, timeout_s=0.2))
    assert answer.outcome == "timeout"
    assert 0.19 <= (answer.done_ns - answer.sent_ns) / 1e9 < 10


def test_a_port_where_nobody_listens_refuses() -> None:
    async def scenario() -> None:
        answer = await get_once(Address("127.0.0.1", Ports().take()), "/", Clock.start(), 20)
        assert answer.outcome == "refused"

    asyncio.run(scenario())


def test_a_full_backlog_is_a_timeout() -> None:
    async def scenario() -> None:
        with socket.socket() as listener, socket.socket() as first:
            listener.bind(("127.0.0.1", 0))
            listener.listen(0)
            first.connect(listener.getsockname())
            port = listener.getsockname()[1]
            answer = await get_once(Address("127.0.0.1", port), "/", Clock.start(), 0.3)
            assert (answer.outcome, answer.status) == ("timeout", -1)

    asyncio.run(scenario())


def test_a_connection_is_used_again_and_tells_when_it_ended_while_idle() -> None:
    async def scenario() -> None:
        async def twice(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(OK)
            await reader.readuntil(b"\r\n\r\n")
            writer.write(OK)

        async with listening(twice) as address:
            connection = await connect(address, Clock.start(), 20)
            assert isinstance(connection, Connection)
            first = await connection.ask(get_request(address, "/"), 20)
            second = await connection.ask(get_request(address, "/"), 20)
            assert first.good
            assert first.reusable
            assert second.good
            assert second.sent_ns >= first.done_ns
            async with asyncio.timeout(20):
                while connection.open:
                    await asyncio.sleep(0.01)
            assert connection.ended == "closed by the server"
            third = await connection.ask(get_request(address, "/"), 20)
            assert third.outcome == "eof"

    asyncio.run(scenario())
