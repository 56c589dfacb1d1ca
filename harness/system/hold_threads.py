"""Stop threads of a process from outside: `python -P -S -m harness.system.hold_threads WHAT PID LEASE_S WAIT_S`.

A program of its own, because the kernel lets go of a thread when its tracer ends, however it ends: by its order (a line
or the end of its input), by its lease, by SIGKILL, or by the death signal that comes when the harness dies. There is no
other way to let go, so that this one is the one that is tried every time.

`loop` stops the one thread that runs the event loop, in `epoll_wait` and nowhere else: there it holds no lock of the
interpreter, and the other threads go on. Whether it was still there is asked again once it stands. The main thread is
preferred, for servers run their loop there. `gil` stops the one thread that holds the interpreter's lock, whichever it
is, in code of its own and in no system call; py-spy reads who holds the lock once the thread stands. `pool` stops every
thread that idles as those of a pool do, and those that come later. Says one line: `held TID…`, or `failed REASON`;
later `gone` where the process has ended.

`may` only tries whether a process may be traced that is no child of its tracer, as a worker is none.
"""

from __future__ import annotations

import os
import select
import signal
import sys
import time
from collections.abc import Callable, Sequence

from harness.system import ptrace
from harness.system.py_spy import NOBODY, lock_holder

_LOOK_S = 0.0005
_SPARED_S = 0.01
"""A thread that runs without the interpreter's lock is not to be stopped all the time."""
_MAIN_S = 1.0
_IDLE_S = 0.015
"""Whoever waits for the interpreter asks again each 5 ms; whoever was given no CPU for so long waits for work."""
_POOLS = ("AnyIO", "ThreadPool", "asyncio_")
"""How pools of Python call their threads, where the interpreter tells the kernel; else they bear the process's name."""

Step = Callable[[set[int]], None]


def hold_loop(pid: int, wait_s: float) -> int:
    """The thread that was stopped in its wait for events; TimeoutError where none was met there."""
    began = time.monotonic()
    while (waited_s := time.monotonic() - began) < wait_s:
        for tid in _candidates(pid, waited_s):
            if _stopped_where(tid, lambda tid: ptrace.waits_for_events(pid, tid)):
                return tid
        time.sleep(_LOOK_S)
    raise TimeoutError("no thread was met in its wait for events")


def hold_gil(pid: int, wait_s: float) -> int:
    """The thread that was stopped while it held the interpreter's lock; TimeoutError where none was met."""
    end = time.monotonic() + wait_s
    why = "no thread was met that held the interpreter's lock"
    while time.monotonic() < end:
        for tid in ptrace.threads_of(pid):
            if not _stopped_where(tid, lambda tid: ptrace.runs(pid, tid)):
                continue
            try:
                holder = lock_holder(pid)
            except OSError as error:
                holder, why = NOBODY, str(error)
            if holder == tid:
                return tid
            ptrace.let_go(tid)
            time.sleep(_SPARED_S)
        time.sleep(_LOOK_S)
    raise TimeoutError(why)


def _candidates(pid: int, waited_s: float) -> Sequence[int]:
    """The main thread alone at first; it may only be busy. Threads of the server's own also wait for events."""
    if waited_s < _MAIN_S:
        return (pid,)
    own = ptrace.name_of(pid, pid)
    return [tid for tid in ptrace.threads_of(pid) if _may_be_pythons(ptrace.name_of(pid, tid), own)]


def hold_pool(pid: int) -> Step:
    """What stops the threads of the pool that idle now; to be done again and again."""
    seen: dict[int, str] = {}

    def step(held: set[int]) -> None:
        before, own = dict(seen), ptrace.name_of(pid, pid)
        seen.clear()
        for tid in ptrace.threads_of(pid):
            if tid == pid or tid in held or not _may_be_pythons(ptrace.name_of(pid, tid), own):
                continue
            seen[tid] = ptrace.switches(pid, tid)
            idles = bool(seen[tid]) and seen[tid] == before.get(tid)
            if idles and _stopped_where(tid, lambda tid: ptrace.waits_for_a_thread(pid, tid)):
                held.add(tid)

    return step


def _may_be_pythons(name: str, own: str) -> bool:
    """As far as its name tells: those of a server in Rust have names of their own."""
    return name == own or name.startswith(_POOLS)


def _stopped_where(tid: int, holds: Callable[[int], bool]) -> bool:
    """Stop it where it is as wanted, if it still is when it stands; else it goes on."""
    if not holds(tid):
        return False
    try:
        ptrace.stop(tid)
        if holds(tid):
            return True
        ptrace.let_go(tid)
    except ProcessLookupError:  # it has ended meanwhile
        pass
    return False


def keep(held: set[int], lease_s: float, step: Step | None, woken: int) -> None:
    """Until the order, or the end of lease or process. A thread's end must be noted: its parent waits for that."""
    end = time.monotonic() + lease_s
    while (left_s := end - time.monotonic()) > 0:
        ready, _, _ = select.select([0, woken], [], [], left_s if step is None else min(left_s, _IDLE_S))
        if 0 in ready:
            return
        if woken in ready:
            os.read(woken, 4096)
        if _reap(held) and not held:
            say("gone")
            return
        if step is not None:
            step(held)


def _reap(held: set[int]) -> bool:
    """Take note of those that have ended; was there one?"""
    ended = set()
    for tid in held:
        found, status = os.waitpid(tid, ptrace.WALL | os.WNOHANG)
        if found and not os.WIFSTOPPED(status):
            ended.add(tid)
    held -= ended
    return bool(ended)


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
        ptrace.seize(pid)
    except OSError as error:
        return error.errno or 255
    return 0


def say(text: str) -> None:
    os.write(1, f"{text}\n".encode())


def main(argv: Sequence[str]) -> int:
    try:
        if argv[0] == "may":
            may_trace()
            say("may")
        else:
            hold(argv[0], int(argv[1]), float(argv[2]), float(argv[3]))
    except TimeoutError as error:
        say(f"failed {error}")
    except NotImplementedError as error:
        say(f"failed the system calls of {error} are not known here")
    except OSError as error:
        say(f"failed {os.strerror(error.errno or 0)}")
    else:
        return 0
    return 1


def hold(what: str, pid: int, lease_s: float, wait_s: float) -> None:
    woken, wake = os.pipe()
    os.set_blocking(wake, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(wake)
    held: set[int] = set()
    step = hold_pool(pid) if what == "pool" else None
    if step is None:
        held.add(hold_gil(pid, wait_s) if what == "gil" else hold_loop(pid, wait_s))
    else:
        step(held)
        time.sleep(_IDLE_S)
        step(held)
    say(" ".join(["held", *map(str, sorted(held))]))
    keep(held, lease_s, step, woken)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
