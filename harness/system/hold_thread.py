"""Stop one thread of a process from outside, where it waits for events: `hold_thread.py PID LEASE_S WAIT_S`.

A program of its own, because the kernel lets go of a thread when its tracer ends, however it ends: by its order (a line
or the end of its input), by its lease, by SIGKILL, or by the death signal that comes when the harness dies. There is no
other way to let go, so that this one is the one that is tried every time.

The thread is stopped in `epoll_wait` and nowhere else: there it holds no lock of the interpreter, and the other threads
of the process go on. Whether it was still there is asked again once it stands. The main thread is preferred, for
servers run their loop there. Says one line: `held TID`, or `failed REASON`; later `gone` where the process has ended.

Without arguments it only tries whether a process may be traced that is no child of its tracer, as a worker is none:
`may`, or `failed REASON`.
"""

import ctypes
import os
import platform
import select
import signal
import sys
import time
from collections.abc import Sequence

_SEIZE, _INTERRUPT, _CONT, _DETACH = 0x4206, 0x4207, 7, 17
_EVENT_STOP = 128
_WALL = 0x40000000
_STOP_S = 2.0
_LOOK_S = 0.0005
_MAIN_S = 1.0
_EPOLL = {"x86_64": {232, 281, 441}, "aarch64": {22, 441}}
"""Numbers of epoll_wait, epoll_pwait and epoll_pwait2."""

_libc = ctypes.CDLL(None, use_errno=True)
_libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
_libc.ptrace.restype = ctypes.c_long


def trace(request: int, tid: int, data: int = 0) -> None:
    """OSError where the kernel refuses."""
    if _libc.ptrace(request, tid, None, data) < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def call_of(pid: int, tid: int) -> int:
    """The number of the system call in which a thread waits; −1 where it runs, stands in its own code, or is gone."""
    try:
        with open(f"/proc/{pid}/task/{tid}/syscall") as file:
            word = file.read().split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return -1
    return int(word) if word.isdigit() else -1


def stop(tid: int) -> None:
    """The thread stands when this returns. What signals it is given meanwhile it still gets."""
    trace(_SEIZE, tid)
    trace(_INTERRUPT, tid)
    end = time.monotonic() + _STOP_S
    while time.monotonic() < end:
        found, status = os.waitpid(tid, _WALL | os.WNOHANG)
        if not found:
            time.sleep(_LOOK_S)
        elif not os.WIFSTOPPED(status):
            raise ProcessLookupError(tid)
        elif status >> 16 == _EVENT_STOP:
            return
        else:
            trace(_CONT, tid, os.WSTOPSIG(status))
    raise TimeoutError(tid)


def hold_loop(pid: int, wait_s: float) -> int:
    """The thread that was stopped in its wait for events; TimeoutError where none was met there."""
    calls = _EPOLL.get(platform.machine())
    if calls is None:
        raise NotImplementedError(platform.machine())
    began = time.monotonic()
    while (waited_s := time.monotonic() - began) < wait_s:
        for tid in _candidates(pid, waited_s):
            if call_of(pid, tid) in calls:
                stop(tid)
                if call_of(pid, tid) in calls:
                    return tid
                trace(_DETACH, tid)
        time.sleep(_LOOK_S)
    raise TimeoutError(pid)


def _candidates(pid: int, waited_s: float) -> Sequence[int]:
    """The main thread alone at first; it may only be busy."""
    if waited_s < _MAIN_S:
        return (pid,)
    return sorted(int(name) for name in os.listdir(f"/proc/{pid}/task"))


def keep(tid: int, lease_s: float, woken: int) -> None:
    """Until the order, the end of the lease or of the thread. Its end must be taken note of, or its parent waits."""
    end = time.monotonic() + lease_s
    while (left_s := end - time.monotonic()) > 0:
        ready, _, _ = select.select([0, woken], [], [], left_s)
        if 0 in ready:
            return
        if woken in ready:
            os.read(woken, 4096)
        found, status = os.waitpid(tid, _WALL | os.WNOHANG)
        if found and not os.WIFSTOPPED(status):
            say("gone")
            return


def may_trace() -> None:
    """Two children of ours, one of which traces the other; OSError where the kernel refuses."""
    traced = os.fork()
    if not traced:
        signal.pause()
    try:
        tracer = os.fork()
        if not tracer:
            os._exit(_error_of_seizing(traced))
        _, status = os.waitpid(tracer, 0)
    finally:
        os.kill(traced, signal.SIGKILL)
        os.waitpid(traced, 0)
    if number := os.waitstatus_to_exitcode(status):
        raise OSError(number, os.strerror(number))


def _error_of_seizing(pid: int) -> int:
    try:
        trace(_SEIZE, pid)
    except OSError as error:
        return error.errno or 255
    return 0


def say(text: str) -> None:
    os.write(1, f"{text}\n".encode())


def main(argv: list[str]) -> int:
    try:
        if not argv:
            may_trace()
            say("may")
            return 0
        return hold(int(argv[0]), float(argv[1]), float(argv[2]))
    except TimeoutError:
        say("failed no thread was met in its wait for events")
    except NotImplementedError as error:
        say(f"failed the system calls of {error} are not known here")
    except OSError as error:
        say(f"failed {os.strerror(error.errno or 0)}")
    return 1


def hold(pid: int, lease_s: float, wait_s: float) -> int:
    woken, wake = os.pipe()
    os.set_blocking(wake, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(wake)
    tid = hold_loop(pid, wait_s)
    say(f"held {tid}")
    keep(tid, lease_s, woken)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
