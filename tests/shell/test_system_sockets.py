"""Ports, and which process holds which socket."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from harness.system import ports as subject
from harness.system.open_files import written_files
from harness.system.ports import Ports, is_free
from harness.system.sockets import Listener, holder, inodes_of, listeners_of, listens, peer_inode

pytestmark = pytest.mark.real

# Accepts one connection, answers it, and waits for the end of stdin.
SERVER = """
import socket, sys
with socket.create_server(("127.0.0.1", 0)) as listener:
    print(listener.getsockname()[1], flush=True)
    client, _ = listener.accept()
    client.sendall(b"x")
    sys.stdin.read()
"""


@pytest.fixture
def server() -> Iterator[tuple[int, int]]:
    """Pid and port of a listener in another process."""
    command = [sys.executable, "-c", SERVER]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process.pid, int(process.stdout.readline())
        finally:
            process.kill()


def test_the_listener_is_known_by_the_process_that_holds_it(server: tuple[int, int]) -> None:
    pid, port = server
    assert listens(port, [os.getpid(), pid])
    assert not listens(port, [os.getpid()])
    assert not listens(port, [])
    with socket.create_server(("127.0.0.1", 0)) as own:
        assert listens(own.getsockname()[1], [os.getpid()])
        assert not listens(own.getsockname()[1], [pid])


def test_the_peer_of_our_connection_is_found_in_its_process(server: tuple[int, int]) -> None:
    pid, port = server
    with socket.create_connection(("127.0.0.1", port)) as client:
        assert client.recv(1) == b"x"
        inode = peer_inode(client.getsockname()[1], port)
        assert inode in inodes_of(pid)
        assert holder(inode, [os.getpid(), pid]) == pid
        assert holder(inode, [os.getpid()]) == -1
    assert holder(0, [pid]) == -1
    assert peer_inode(1, port) == 0


def test_ports_are_given_once_and_lie_below_the_ephemeral_range() -> None:
    ports = Ports()
    given = [ports.take() for _ in range(50)]
    assert len(set(given)) == 50
    assert max(given) < subject._ceiling()
    assert all(is_free(port) for port in given)


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0"])
def test_a_port_with_a_listener_is_not_free(host: str) -> None:
    with socket.create_server((host, 0)) as listener:
        assert not is_free(listener.getsockname()[1])


def test_a_taken_port_is_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        taken = listener.getsockname()[1]
        free = Ports().take()
        draws = iter([taken, free, free])
        monkeypatch.setattr("harness.system.ports.random.randint", lambda low, high: next(draws))
        assert Ports().take() == free


@pytest.mark.parametrize(("family", "host"), [(socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")])
def test_listeners_are_told_with_their_address(family: socket.AddressFamily, host: str) -> None:
    with socket.create_server((host, 0), family=family) as own:
        assert Listener(os.getpid(), host, own.getsockname()[1]) in listeners_of([os.getpid()])


def test_files_that_are_written_are_told_apart_from_those_that_are_read(tmp_path: Path) -> None:
    names = {"appended": "a", "written": "w", "read": "r", "deleted": "w"}
    for name in names:
        (tmp_path / name).touch()
    with ExitStack() as stack:
        for name, mode in names.items():
            stack.enter_context((tmp_path / name).open(mode))
        (tmp_path / "deleted").unlink()
        found = {
            Path(each.path).name: each.appends for each in written_files([os.getpid()]) if str(tmp_path) in each.path
        }
    assert found == {"appended": True, "written": False}
