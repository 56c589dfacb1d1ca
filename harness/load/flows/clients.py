"""Puts tapped sockets into Locust's two clients, and switches off what hides a reset.

Done once, when this is imported: what it changes is the process of the driver alone.
"""

import functools
import socket
from collections.abc import Callable
from typing import Any

import geventhttpclient.client
import geventhttpclient.connectionpool
import urllib3.util.connection
from locust.clients import HttpSession
from locust.contrib.fasthttp import FastHttpSession

from harness.load.flows.flow import current_flow
from harness.load.flows.tap import TappedSocket


def _tapped(_pool: Any, family: int, kind: int, protocol: int) -> TappedSocket:
    return TappedSocket(family, kind, protocol)


def _open(
    address: tuple[str, int], timeout: Any = None, source_address: Any = None, socket_options: Any = None
) -> TappedSocket:
    """What urllib3 asks for: a connection to the first address that takes it."""
    host, port = address
    refused: OSError | None = None
    for family, kind, protocol, _, where in socket.getaddrinfo(host.strip("[]"), port, 0, socket.SOCK_STREAM):
        sock = TappedSocket(family, kind, protocol)
        try:
            for option in socket_options or ():
                sock.setsockopt(*option)
            if timeout is None or isinstance(timeout, int | float):
                sock.settimeout(timeout)
            if source_address:
                sock.bind(source_address)
            sock.connect(where)
        except OSError as error:
            sock.close()
            refused = error
        except BaseException:
            sock.close()
            raise
        else:
            return sock
    raise refused or OSError(f"{host} has no address")


def _named(call: Callable[..., Any]) -> Callable[..., Any]:
    """Tells the flow under which name it asks, before the first byte goes."""

    @functools.wraps(call)
    def request(session: Any, method: Any, url: Any, name: str | None = None, *args: Any, **kwargs: Any) -> Any:
        flow = current_flow()
        if flow is None:
            return call(session, method, url, name, *args, **kwargs)
        flow.ask(name or session.request_name or "")
        try:
            return call(session, method, url, name, *args, **kwargs)
        finally:
            flow.asked()

    return request


geventhttpclient.client._may_retry_after_send_error = lambda method: False
geventhttpclient.connectionpool.ConnectionPool._create_tcp_socket = _tapped  # type: ignore[method-assign, assignment]
urllib3.util.connection.create_connection = _open
for session in (HttpSession, FastHttpSession):
    session.request = _named(session.request)  # type: ignore[method-assign]
