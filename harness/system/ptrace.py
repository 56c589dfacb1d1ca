"""Threads of another process, stopped and let go through ptrace(2): for the programs that are started for it.

Whoever traces must be a process of its own: the kernel lets go of what it traces when it ends, however it ends. So the
harness itself never calls these.
"""

from __future__ import annotations

import ctypes
import os
import platform
import signal
import time
from collections.abc import Mapping

_SEIZE, _INTERRUPT, _CONT, _DETACH = 0x4206, 0x4207, 7, 17
_PEEK, _STEP = 1, 9
_EVENT_STOP = 128
_STOP_S = 2.0
_LOOK_S = 0.0005
WALL = 0x40000000
"""__WALL: wait for threads too, not only for processes."""

_EPOLL: Mapping[str, frozenset[int]] = {"x86_64": frozenset({232, 281, 441}), "aarch64": frozenset({22, 441})}
_FUTEX: Mapping[str, frozenset[int]] = {"x86_64": frozenset({202}), "aarch64": frozenset({98})}

_libc = ctypes.CDLL(None, use_errno=True)
_libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
_libc.ptrace.restype = ctypes.c_long


def call(request: int, tid: int, data: int = 0) -> None:
    """ptrace itself; OSError where the kernel refuses."""
    if _libc.ptrace(request, tid, None, data) < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def seize(tid: int) -> None:
    """Trace a thread without stopping it."""
    call(_SEIZE, tid)


def stop(tid: int) -> None:
    """The thread stands when this returns. What signals it is given meanwhile it still gets."""
    seize(tid)
    call(_INTERRUPT, tid)
    end = time.monotonic() + _STOP_S
    while time.monotonic() < end:
        found, status = os.waitpid(tid, WALL | os.WNOHANG)
        if not found:
            time.sleep(_LOOK_S)
        elif not os.WIFSTOPPED(status):
            raise ProcessLookupError(tid)
        elif status >> 16 == _EVENT_STOP:
            return
        else:
            call(_CONT, tid, os.WSTOPSIG(status))
    raise TimeoutError(f"thread {tid} did not stop")


def step(tid: int) -> None:
    """The stopped thread does one instruction. Another signal than that of the step waits for it until it goes on."""
    missed = []
    while True:
        call(_STEP, tid)
        _, status = os.waitpid(tid, WALL)
        if not os.WIFSTOPPED(status):
            raise ProcessLookupError(tid)
        if os.WSTOPSIG(status) == signal.SIGTRAP:
            break
        missed.append(os.WSTOPSIG(status))
    for number in missed:
        os.kill(tid, number)


def peek(tid: int, address: int) -> int:
    """A word of the stopped thread's memory."""
    ctypes.set_errno(0)
    word = _libc.ptrace(_PEEK, tid, address, None)
    if word == -1 and (number := ctypes.get_errno()):
        raise OSError(number, os.strerror(number))
    return int(word)


def let_go(tid: int) -> None:
    """The stopped thread goes on, untraced."""
    call(_DETACH, tid)


def waits_for_events(pid: int, tid: int) -> bool:
    """Does the thread wait in `epoll_wait`, or one of its kin? There it holds no lock of the interpreter."""
    return _call_of(pid, tid) in _numbers(_EPOLL)


def waits_for_a_thread(pid: int, tid: int) -> bool:
    """Does the thread wait in `futex`: for work, a lock, or the interpreter?"""
    return _call_of(pid, tid) in _numbers(_FUTEX)


def runs(pid: int, tid: int) -> bool:
    """Is the thread in no system call: does it run code of its own, or stand in the midst of it?"""
    words = _read(f"/proc/{pid}/task/{tid}/syscall").split()
    return bool(words) and words[0] in ("running", "-1")


def switches(pid: int, tid: int) -> str:
    """How often the thread has been given a CPU, as the kernel counts it; empty where it is gone."""
    lines = _read(f"/proc/{pid}/task/{tid}/status").splitlines()
    return " ".join(line for line in lines if "ctxt_switches" in line)


def name_of(pid: int, tid: int) -> str:
    return _read(f"/proc/{pid}/task/{tid}/comm").strip()


def threads_of(pid: int) -> list[int]:
    """Empty where the process is gone."""
    try:
        return sorted(int(name) for name in os.listdir(f"/proc/{pid}/task"))
    except OSError:
        return []


def _call_of(pid: int, tid: int) -> int:
    """The number of the system call in which a thread waits; −1 where it runs, stands in its own code, or is gone."""
    words = _read(f"/proc/{pid}/task/{tid}/syscall").split()
    return int(words[0]) if words and words[0].isdigit() else -1


def _numbers(of: Mapping[str, frozenset[int]]) -> frozenset[int]:
    machine = platform.machine()
    if machine not in of:
        raise NotImplementedError(machine)
    return of[machine]


def _read(path: str) -> str:
    """Empty where the thread is gone; OSError where we may not look."""
    try:
        with open(path) as file:
            return file.read()
    except (FileNotFoundError, ProcessLookupError):
        return ""
