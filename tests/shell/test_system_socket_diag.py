"""The kernel's table over netlink tells the same as /proc, and /proc answers where netlink does not."""

from __future__ import annotations

import os
import socket

import pytest

from harness.system import socket_diag
from harness.system.sockets import ESTABLISHED, TcpRow, tcp_rows

pytestmark = pytest.mark.real


def inode(end: socket.socket) -> int:
    return int(os.readlink(f"/proc/self/fd/{end.fileno()}")[len("socket:[") : -1])


@pytest.mark.parametrize("netlink", [True, False])
@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_the_other_end_has_an_owner_once_it_is_accepted(
    host: str, netlink: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not netlink:
        monkeypatch.setattr(socket_diag, "_SOCK_DIAG", 99)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.create_server((host, 0), family=family) as server:
        client = socket.create_connection(server.getsockname()[:2])
        ours, theirs = client.getsockname()[:2], client.getpeername()[:2]
        assert socket_diag.inode_of(theirs, ours) == 0
        accepted, _ = server.accept()
        with client, accepted:
            assert socket_diag.inode_of(theirs, ours) == inode(accepted)
            assert socket_diag.inode_of(ours, theirs) == inode(client)
            mine = {row.inode for row in socket_diag.established() if row.remote_port == theirs[1]}
            assert mine == {inode(client)}
        assert socket_diag.inode_of(theirs, ours) == 0


def test_an_end_behind_a_dual_stack_listener_is_found() -> None:
    with socket.create_server(("::", 0), family=socket.AF_INET6, dualstack_ipv6=True) as server:
        client = socket.create_connection(("127.0.0.1", server.getsockname()[1]))
        accepted, _ = server.accept()
        with client, accepted:
            assert socket_diag.inode_of(client.getpeername(), client.getsockname()) == inode(accepted)


def test_the_table_is_that_of_proc() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        clients = [socket.create_connection(("127.0.0.1", port)) for _ in range(50)]
        slow = sorted(
            map(str, (r for r in tcp_rows() if r.state == ESTABLISHED and port in (r.local_port, r.remote_port)))
        )
        quick = sorted(map(str, (r for r in socket_diag.established() if port in (r.local_port, r.remote_port))))
        for client in clients:
            client.close()
        assert len(slow) == 100
        assert quick == slow


def test_what_a_connection_has_brought_is_told() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        busy, idle = (socket.create_connection(("127.0.0.1", port)) for _ in range(2))
        first, second = (server.accept()[0] for _ in range(2))
        with busy, idle, first, second:
            busy.sendall(b"x" * 5000)
            assert len(first.recv(5000, socket.MSG_WAITALL)) == 5000
            assert socket_diag.received(port) == {inode(first): 5000, inode(second): 0}


def _ports(row: TcpRow) -> tuple[int, int]:
    return row.local_port, row.remote_port
