"""A socket that sees what Locust's clients send and get, so that nothing they do can be hidden.

Both of Locust's clients hide things: one sends again in silence when a kept connection is reset, neither says where an
answer broke off, and their timeouts count from the last byte. Here the bytes themselves are watched: outcome, times and
connection of a row come from them, by the same rules as those of declared requests.
"""

import re
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from gevent import socket as gsocket

from harness.load.flows.exchange import Exchange
from harness.load.flows.flow import Flow, current_flow
from harness.load.flows.turns import Turns
from harness.model.rows import Outcome

_HEAD = re.compile(rb"([A-Z]+) (\S+) HTTP/1\.[01]\r\n")


class TappedSocket(gsocket.socket):  # type: ignore[misc]
    """Watches only connections of a flow to the address under load; any other is left alone."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._exchange: Exchange | None = None
        self._turns: Turns | None = None
        self._number = self._uses = 0

    def connect(self, address: Any) -> None:
        flow = current_flow()
        if flow is None or tuple(address[:2]) != flow.limits.address[1]:
            super().connect(address)
            return
        self._number, self._turns = flow.limits.next_connection(), flow.limits.turns
        exchange = self._exchange = flow.begin()
        with self._no_longer_than(flow.limits.connect_timeout_s):
            try:
                super().connect(address)
                self.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            except TimeoutError:
                exchange.end(Outcome.CONNECT_TIMEOUT)
                raise
            except ConnectionRefusedError:
                exchange.end(Outcome.REFUSED)
                raise
            except OSError:
                exchange.end(Outcome.CONNECT_OTHER)
                raise
            except BaseException:
                exchange.end(Outcome.UNFINISHED_CONNECT)
                raise

    def sendall(self, data: Any, flags: int = 0) -> Any:
        exchange = self._writing(data)
        if exchange is None:
            return super().sendall(data, flags)
        with self._no_longer_than((exchange.deadline - time.monotonic_ns()) / 1e9):
            try:
                super().sendall(data, flags)
            except TimeoutError as error:
                exchange.fail(error)
                raise
            except OSError:
                exchange.broken = True  # the server may have answered before it closed: the client looks
                raise
            except BaseException as error:
                exchange.fail(error)
                raise
            finally:
                exchange.wrote()

    def recv(self, *args: Any) -> Any:
        exchange = self._reading(args[1:])
        if exchange is None:
            return super().recv(*args)
        with self._watched(exchange):
            data = super().recv(*args)
            exchange.read(data)
        self._in_turn(exchange)
        return data

    def recv_into(self, buffer: Any, *args: Any) -> Any:
        exchange = self._reading(args[1:])
        if exchange is None:
            return super().recv_into(buffer, *args)
        with self._watched(exchange):
            count = super().recv_into(buffer, *args)
            exchange.read(memoryview(buffer).cast("B")[:count])
        self._in_turn(exchange)
        return count

    def close(self) -> None:
        if self._exchange is not None:
            self._exchange.drop()
        super().close()

    def _writing(self, data: Any) -> Exchange | None:
        """The exchange that these bytes belong to; the head of a request begins one."""
        flow = current_flow()
        if flow is None or not self._number:
            return None
        exchange = self._exchange
        if exchange is not None and not exchange.over and exchange.answer is not None:
            return exchange  # more of its body
        head = _HEAD.match(data)
        if head is None:
            return None
        if exchange is None or exchange.over:
            exchange = self._exchange = flow.begin()
        self._begin(flow, exchange, head)
        return exchange

    def _begin(self, flow: Flow, exchange: Exchange, head: "re.Match[bytes]") -> None:
        method, path = head[1].decode("ascii"), head[2].decode("latin-1")
        limits = flow.limits
        exchange.begin(method, flow.name_of(path), self._number, self._uses, limits.timeout_ns, limits.pid_header)
        self._uses += 1

    def _reading(self, flags: tuple[Any, ...]) -> Exchange | None:
        exchange = self._exchange
        if exchange is None or exchange.over or exchange.answer is None or self.gettimeout() == 0.0:
            return None
        return None if flags and flags[0] & socket.MSG_PEEK else exchange

    def _in_turn(self, exchange: Exchange) -> None:
        if exchange.over and self._turns is not None:
            self._turns.wait()

    @contextmanager
    def _watched(self, exchange: Exchange) -> Iterator[None]:
        with self._no_longer_than((exchange.deadline - time.monotonic_ns()) / 1e9):
            try:
                yield
            except BaseException as error:
                exchange.fail(error)
                raise

    @contextmanager
    def _no_longer_than(self, limit_s: float) -> Iterator[None]:
        """The client's own timeout holds too, where it is shorter."""
        own = self.gettimeout()
        limit_s = max(limit_s, 1e-6)
        self.settimeout(limit_s if own is None else min(own, limit_s))
        try:
            yield
        finally:
            if not self.closed:
                self.settimeout(own)
