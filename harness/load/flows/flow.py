"""What one user is doing: the arrival that it serves, and those of its requests that have no row yet.

A request has its row as soon as its end was seen on the wire *and* the flow has said what it thinks of the answer
(Locust's request event; a flow may call a 200 a failure, and a 404 a success). Redirects and retries are requests of
their own, each with what became of it: nothing that went over the wire is without a row.
"""

import time
from collections.abc import Callable
from typing import Any, Protocol

import gevent
from gevent import GreenletExit

from harness.load.flows.attempt import Address
from harness.load.flows.exchange import NO_ARRIVAL, Exchange
from harness.load.flows.turns import Turns

_LOCAL = "shakedown-flow"
_UNKNOWN = "ANY"  # until its head is written


class Limits(Protocol):
    """What the tapped sockets have to know of a load."""

    address: Address
    connect_timeout_s: float
    timeout_ns: int
    pid_header: bytes
    turns: Turns
    closed: bool

    def next_connection(self) -> int: ...


class Flow:
    def __init__(self, limits: Limits, begun: Callable[[], None], record: Callable[[Exchange], None]) -> None:
        self.limits = limits
        self._begun, self._record = begun, record
        self._arrival: tuple[int, int] | None = None
        self._asked: dict[Any, str] = {}
        self._open: list[Exchange] = []

    def adopt(self) -> None:
        """The greenlet that runs now, and those that it spawns, are this user's."""
        gevent.getcurrent().spawn_tree_locals = {_LOCAL: self}

    def take(self, k: int, intended: int) -> None:
        """The next request is that of arrival k, due at `intended`."""
        self._arrival = (k, intended)

    def untaken(self) -> bool:
        """Whether the arrival has made no request; it can make none after this."""
        untaken, self._arrival = self._arrival is not None, None
        return untaken

    def ask(self, name: str) -> None:
        """The name that the flow gives to the request it makes now; empty: that of its path."""
        self._asked[gevent.getcurrent()] = name

    def asked(self) -> None:
        """The call is over, whatever came of it."""
        self._asked.pop(gevent.getcurrent(), None)

    def begin(self) -> Exchange:
        if self.limits.closed:
            raise GreenletExit  # the load has stopped: nothing new is sent
        k, intended = self._arrival or (NO_ARRIVAL, time.monotonic_ns())
        self._arrival = None
        exchange = Exchange(k, intended, gevent.getcurrent())
        exchange.named = bool(self._asked.get(gevent.getcurrent()))
        exchange.method, exchange.name = _UNKNOWN, self.name_of("(connect)")
        self._open.append(exchange)
        self._begun()
        return exchange

    def name_of(self, path: str) -> str:
        return self._asked.get(gevent.getcurrent()) or path

    def told(self, method: str, name: str, failed: bool) -> None:
        """Locust's event for a request of the greenlet that runs now; only the last exchange is what it judges."""
        mine = [each for each in self._open if each.asker is gevent.getcurrent()]
        if mine and mine[-1].over:
            last = mine[-1]
            if last.named or (len(mine) == 1 and name.startswith("/")):
                last.name = name  # a flow may rename a request when it has seen the answer
            if last.method == _UNKNOWN:
                last.method = method
            last.judge(failed)
        for exchange in mine:
            if exchange.over:
                self._settle(exchange)

    def settle(self) -> None:
        """The task is over: what the flow said nothing of is judged by its status, what is open is given up."""
        for exchange in list(self._open):
            exchange.end(exchange.code)
            exchange.judge(None)
            self._settle(exchange)
        self._asked.clear()

    def _settle(self, exchange: Exchange) -> None:
        if exchange in self._open:
            self._open.remove(exchange)
            self._record(exchange)

    @property
    def busy(self) -> bool:
        return any(not exchange.over for exchange in self._open)


def current_flow() -> Flow | None:
    """That of the greenlet that runs now, if it is a user's."""
    found = getattr(gevent.getcurrent(), "spawn_tree_locals", None)
    flow = found.get(_LOCAL) if found else None
    return flow if isinstance(flow, Flow) else None
