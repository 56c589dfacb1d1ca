"""A circuit breaker: a dependency that keeps failing is not asked for a while.

    closed --- failures within window_s ---> open --- pause_s ---> half-open: one trial
      ^                                        ^                        |        |
      |                                        +-------- failed --------+        |
      +------------------------------ succeeded --------------------------------+

It takes no clock and does no I/O. Each call gets a ticket; only tickets of the present state count, so that an answer
which was asked for before the change cannot undo it. A trial that never ends is replaced after another pause.
"""

import logging
from collections import deque
from collections.abc import Callable
from enum import IntEnum

log = logging.getLogger(__name__)


class State(IntEnum):
    CLOSED = 0
    HALF_OPEN = 1
    OPEN = 2


class CircuitOpen(Exception):
    def __init__(self, retry_after_s: float) -> None:
        super().__init__(f"open for another {retry_after_s:.1f} s")
        self.retry_after_s = retry_after_s


class Breaker:
    def __init__(
        self,
        failures: int,
        window_s: float,
        pause_s: float,
        clock: Callable[[], float],
        on_change: Callable[[State], None] = lambda state: None,
    ) -> None:
        self.failures, self.window_s, self.pause_s = failures, window_s, pause_s
        self.clock, self.on_change = clock, on_change
        self.state = State.CLOSED
        self.ticket = 0
        self.failed_at_s: deque[float] = deque(maxlen=failures)
        self.next_trial_s = 0.0

    def ask(self) -> int:
        """A ticket for one call, or CircuitOpen."""
        if self.state is State.CLOSED:
            return self.ticket
        if self.state is State.HALF_OPEN:
            raise CircuitOpen(self.pause_s)
        left_s = self.next_trial_s - self.clock()
        if left_s > 0:
            raise CircuitOpen(left_s)
        self.change(State.HALF_OPEN)
        return self.ticket

    def tell(self, ticket: int, ok: bool) -> None:
        """What became of a call that had a ticket."""
        if ticket != self.ticket or self.state is State.OPEN:
            return
        if self.state is State.HALF_OPEN:
            self.change(State.CLOSED) if ok else self.open()
        elif not ok:
            self.failed_at_s.append(self.clock())
            if len(self.failed_at_s) == self.failures and self.clock() - self.failed_at_s[0] <= self.window_s:
                self.open()

    def open(self) -> None:
        self.next_trial_s = self.clock() + self.pause_s
        self.change(State.OPEN)

    def change(self, state: State) -> None:
        self.ticket += 1
        self.failed_at_s.clear()
        log.warning("The circuit breaker is %s, it was %s.", state.name.lower(), self.state.name.lower())
        self.state = state
        self.on_change(state)
