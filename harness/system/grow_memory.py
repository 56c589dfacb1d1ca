"""Make a process hold more memory, or less again: `python -P -S -m harness.system.grow_memory WHAT PID WAIT_S …`.

    grow PID WAIT_S BYTES           says `grown ADDRESS BYTES` for each piece, then `done`, `refused REASON` or `gone`
    shrink PID WAIT_S ADDRESS:BYTES…   says `given ADDRESS` for each piece, then `done` or `gone`

The process is made to ask for the memory itself: its main thread is stopped where it waits for events, does one system
call of ours (`mmap`, populated at once, so that it counts as resident), and goes on as if nothing had been; then again,
a few megabytes at a time, so that it never stands for long. What it holds it knows nothing of, as with a leak. How the
call is put in its place depends on the processor: registers, and the instruction that it has just done.
"""

from __future__ import annotations

import ctypes
import os
import platform
import sys
import time
from collections.abc import Sequence

from harness.system import ptrace

PIECE_BYTES = 8 * 2**20
MACHINE = "x86_64"

_GET_REGISTERS, _SET_REGISTERS = 12, 13
_Registers = ctypes.c_ulonglong * 27  # struct user_regs_struct
_R10, _R9, _R8, _RAX, _RDX, _RSI, _RDI, _CALL, _NEXT = 7, 8, 9, 10, 12, 13, 14, 15, 16
_SYSCALL = 0x050F  # the instruction, as a little-endian word
_NO_CALL = 2**64 - 1
_MMAP, _MUNMAP = 9, 11
_READ_WRITE, _PRIVATE_ANONYMOUS_POPULATED = 0x3, 0x8022
_HIGHEST_ERROR = 4095
_LOOK_S = 0.0005
_PAUSE_S = 0.005


def do_call(pid: int, wait_s: float, number: int, *words: int) -> int:
    """What this system call says when the process's main thread does it; OSError where the kernel says no."""
    end = time.monotonic() + wait_s
    while time.monotonic() < end:
        if ptrace.waits_for_events(pid, pid):
            ptrace.stop(pid)
            try:
                if ptrace.waits_for_events(pid, pid):
                    return _do_call(pid, number, words)
            finally:
                ptrace.let_go(pid)
        time.sleep(_LOOK_S)
    raise TimeoutError(pid)


def _do_call(tid: int, number: int, words: Sequence[int]) -> int:
    before = _Registers()
    _registers(_GET_REGISTERS, tid, before)
    if ptrace.peek(tid, before[_NEXT] - 2) & 0xFFFF != _SYSCALL:
        raise NotImplementedError("another way into the kernel")
    ours = _Registers(*before)
    ours[_NEXT] -= 2  # the instruction is done once more; what was interrupted is not done again by itself
    ours[_RAX], ours[_CALL] = number, _NO_CALL
    for register, word in zip((_RDI, _RSI, _RDX, _R10, _R8, _R9), words, strict=False):
        ours[register] = word & _NO_CALL
    _registers(_SET_REGISTERS, tid, ours)
    try:
        ptrace.step(tid)
        _registers(_GET_REGISTERS, tid, ours)
    finally:
        _registers(_SET_REGISTERS, tid, before)
    said = ctypes.c_longlong(ours[_RAX]).value
    if -_HIGHEST_ERROR <= said < 0:
        raise OSError(-said, os.strerror(-said))
    return said


def _registers(request: int, tid: int, registers: ctypes.Array[ctypes.c_ulonglong]) -> None:
    ptrace.call(request, tid, ctypes.addressof(registers))


def grow(pid: int, wait_s: float, size: int) -> str:
    left = size
    while left > 0:
        piece = min(left, PIECE_BYTES)
        try:
            at = do_call(pid, wait_s, _MMAP, 0, piece, _READ_WRITE, _PRIVATE_ANONYMOUS_POPULATED, -1, 0)
        except OSError as error:
            if isinstance(error, (ProcessLookupError, TimeoutError)):
                raise
            return f"refused {os.strerror(error.errno or 0)}"
        say(f"grown {at} {piece}")
        left -= piece
        time.sleep(_PAUSE_S)  # for the requests that came meanwhile
    return "done"


def shrink(pid: int, wait_s: float, pieces: Sequence[str]) -> str:
    for piece in pieces:
        at, size = map(int, piece.split(":"))
        do_call(pid, wait_s, _MUNMAP, at, size)
        say(f"given {at}")
    return "done"


def say(text: str) -> None:
    os.write(1, f"{text}\n".encode())


def main(argv: Sequence[str]) -> int:
    what, pid, wait_s = argv[0], int(argv[1]), float(argv[2])
    if platform.machine() != MACHINE:
        say(f"failed {platform.machine()} is not known here")
        return 1
    try:
        say(grow(pid, wait_s, int(argv[3])) if what == "grow" else shrink(pid, wait_s, argv[3:]))
    except ProcessLookupError:
        say("gone")
    except TimeoutError:
        say("failed its main thread was not met in its wait for events")
    except (OSError, NotImplementedError) as error:
        say(f"failed {error}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
