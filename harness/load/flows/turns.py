"""Whose answer is over goes on in turn, one between two looks at the sockets.

What a flow does with an answer takes far longer than reading it. When a stall ends, hundreds of answers are there
within a few milliseconds: if each flow went on as soon as it has read its own, the last answer would be read, and so
stamped, a tenth of a second after it came. So a flow waits here until what is there by then has been read.
"""

from collections import deque
from typing import Any

import gevent
from gevent.hub import Waiter

_AFTER_READING = -2  # libev hands out what one look has found by priority, and a socket's is 0


class Turns:
    """Of one load; waiters are served in the order in which they came."""

    def __init__(self) -> None:
        self._waiting: deque[Any] = deque()
        self._next_look: Any = gevent.get_hub().loop.timer(0.0, priority=_AFTER_READING)

    @property
    def awaited(self) -> bool:
        return bool(self._waiting)

    def wait(self) -> None:
        if not self._waiting:
            self._next_look.start(self._serve)
        waiter = Waiter()
        self._waiting.append(waiter)
        waiter.get()

    def _serve(self) -> None:
        """In the hub. A waiter whose greenlet was killed meanwhile takes its turn for nothing."""
        waiter = self._waiting.popleft()
        if self._waiting:
            self._next_look.start(self._serve)
        waiter.switch(None)
