"""Sockets of a child of ours, borrowed through the kernel: what happens to a connection without its owner's doing.

`pidfd_getfd` gives a second descriptor of the same socket, so what is set here holds for the owner too. That needs the
right to trace the child and no other privilege; it reaches this one connection, where a firewall rule or a namespace
would reach whatever else is on the machine. The owner sees nothing but what a network would show it.
"""

from __future__ import annotations

import ctypes
import os
import socket
import struct
import subprocess
import sys
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager

from harness.errors import MachineError

_PIDFD_GETFD = 438  # the same number on every architecture
_ATTACH_FILTER, _DETACH_FILTER = 26, 27  # SO_ATTACH_FILTER, SO_DETACH_FILTER
_GET_FILTER = _ATTACH_FILTER  # SO_GET_FILTER has the same number
_UNCONNECT = struct.pack("=H14x", socket.AF_UNSPEC)

Program = Sequence[tuple[int, int, int, int]]

# Classic BPF over a segment that begins with its TCP header. What a program answers with 0 is dropped before TCP has
# seen it, so nothing is acknowledged: a lost packet.
DROP_ALL: Program = ((0x06, 0, 0, 0),)
DROP_DATA: Program = (
    (0x30, 0, 0, 12),  # A = the byte with the length of the header, in words
    (0x74, 0, 0, 4),
    (0x64, 0, 0, 2),  # A = that length in bytes
    (0x07, 0, 0, 0),
    (0x80, 0, 0, 0),  # A = the length of the segment
    (0x1C, 0, 0, 0),  # A -= the header
    (0x15, 0, 1, 0),
    (0x06, 0, 0, 0xFFFFFFFF),  # nothing beyond the header: let it pass
    (0x06, 0, 0, 0),
)


@contextmanager
def borrow(pid: int, inodes: Collection[int]) -> Iterator[list[socket.socket]]:
    """These sockets of the process, as far as it still holds them; given back at the end."""
    sockets: list[socket.socket] = []
    try:
        sockets.extend(_copies(pid, set(inodes)))
        yield sockets
    finally:
        for borrowed in sockets:
            borrowed.close()


def why_not_borrow() -> str:
    """Why a socket of a child cannot be borrowed on this machine; empty where it can. It is tried on a child."""
    ours, theirs = socket.socketpair()
    with ours, theirs, subprocess.Popen([sys.executable, "-I", "-S", "-c", "input()"], stdin=theirs.fileno()) as child:
        try:
            with borrow(child.pid, {os.fstat(theirs.fileno()).st_ino}) as sockets:
                return "" if sockets else "a socket of a child was not found"
        except MachineError as error:
            return str(error)
        finally:
            child.kill()


def reset(borrowed: socket.socket) -> None:
    """End a connection by RST, idle or not; its owner finds it gone. What cannot be reset any more is not there."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.connect(borrowed.fileno(), _UNCONNECT, len(_UNCONNECT))


def close(borrowed: socket.socket) -> None:
    """End a connection in order (FIN), whatever its owner was about to send."""
    try:
        borrowed.shutdown(socket.SHUT_RDWR)
    except OSError:
        return  # it has ended already


def drop(borrowed: socket.socket, program: Program) -> None:
    """Lose what comes in, as the program says. Connections that a listener accepts from then on inherit it."""
    code = ctypes.create_string_buffer(b"".join(struct.pack("=HBBI", *step) for step in program))
    borrowed.setsockopt(socket.SOL_SOCKET, _ATTACH_FILTER, struct.pack("HL", len(program), ctypes.addressof(code)))


def drops(borrowed: socket.socket) -> bool:
    """Is a program in force at this socket? Only its length is asked for: the kernel writes steps, not bytes."""
    libc, length = ctypes.CDLL(None, use_errno=True), ctypes.c_uint32(0)
    failed = libc.getsockopt(borrowed.fileno(), socket.SOL_SOCKET, _GET_FILTER, None, ctypes.byref(length))
    return failed == 0 and length.value > 0


def pass_all(borrowed: socket.socket) -> None:
    """Lose nothing any more; nothing happens where nothing was lost."""
    try:
        borrowed.setsockopt(socket.SOL_SOCKET, _DETACH_FILTER, 0)
    except FileNotFoundError:
        return


def _copies(pid: int, wanted: set[int]) -> Iterator[socket.socket]:
    folder = f"/proc/{pid}/fd"
    try:
        owner, names = os.pidfd_open(pid), os.listdir(folder)
    except OSError:
        return  # it has ended, and its connections with it
    try:
        for name in names:
            if _inode(f"{folder}/{name}") in wanted:
                copy = _copy(owner, int(name))
                if copy is not None and os.fstat(copy.fileno()).st_ino in wanted:
                    yield copy
                elif copy is not None:
                    copy.close()  # the number was given to another in between
    finally:
        os.close(owner)


def _inode(path: str) -> int:
    try:
        target = os.readlink(path)
    except OSError:
        return 0
    return int(target[8:-1]) if target.startswith("socket:[") else 0


def _copy(owner: int, number: int) -> socket.socket | None:
    libc = ctypes.CDLL(None, use_errno=True)
    found = libc.syscall(_PIDFD_GETFD, owner, number, 0)
    if found >= 0:
        try:
            return socket.socket(fileno=found)
        except OSError:  # no socket any more
            os.close(found)
            return None
    error = ctypes.get_errno()
    if error in (1, 38):  # EPERM, ENOSYS
        raise MachineError(
            f"This machine does not let a connection of a child be touched (pidfd_getfd: {os.strerror(error)}). In a"
            " container the capability SYS_PTRACE allows it; the kernel must be 5.6 or newer."
        )
    return None
