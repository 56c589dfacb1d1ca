"""Wakes the event loop at a moment, to some microseconds: its own timers (libuv's) know whole milliseconds only."""

import ctypes
import os

_CLOCK_MONOTONIC = 1
_ABSOLUTE = 1
_SECOND = 1_000_000_000


class _TimeSpec(ctypes.Structure):
    _fields_ = (("seconds", ctypes.c_long), ("nanoseconds", ctypes.c_long))


class _TimerSpec(ctypes.Structure):
    _fields_ = (("interval", _TimeSpec), ("value", _TimeSpec))


class Alarm:
    """A timerfd of Linux (timerfd_create(2)); Python has it from 3.13 on. `fd` is readable once it has rung."""

    def __init__(self) -> None:
        self._libc = ctypes.CDLL(None, use_errno=True)
        self.fd: int = self._libc.timerfd_create(_CLOCK_MONOTONIC, os.O_NONBLOCK | os.O_CLOEXEC)
        if self.fd < 0:
            raise OSError(ctypes.get_errno(), "timerfd_create failed")
        self._spec = _TimerSpec()

    def set(self, at_ns: int) -> None:
        """Ring at a moment of time.monotonic_ns; one that is over rings at once. It forgets that it has rung."""
        value = self._spec.value
        value.seconds, value.nanoseconds = divmod(max(at_ns, 1), _SECOND)
        self._libc.timerfd_settime(self.fd, _ABSOLUTE, ctypes.byref(self._spec), None)

    def clear(self) -> None:
        """Forget that it has rung."""
        try:
            os.read(self.fd, 8)
        except BlockingIOError:
            return

    def close(self) -> None:
        os.close(self.fd)
