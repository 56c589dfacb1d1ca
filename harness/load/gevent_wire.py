"""The driver's side of the protocol: commands in, events out, neither of which ever stops the load."""

import json
import os
import signal
from collections.abc import Iterator
from typing import Any

import gevent
import gevent.lock
import gevent.os
import gevent.queue

from harness.load.messages import read_command


class Wire:
    """One queue for everything that the session reacts to: commands, signals, and the end of the input."""

    def __init__(self, input_fd: int, output_fd: int) -> None:
        self._input = input_fd
        self._output = output_fd
        self._queue: Any = gevent.queue.Queue()
        self._lock = gevent.lock.RLock()
        for fd in (input_fd, output_fd):
            os.set_blocking(fd, False)

    def open(self) -> None:
        gevent.spawn(self._read)
        for number in (signal.SIGTERM, signal.SIGINT):
            gevent.signal_handler(number, self.put, {"cmd": "signal", "number": int(number)})

    def commands(self) -> Iterator[dict[str, Any]]:
        while True:
            yield self._queue.get()

    def put(self, command: dict[str, Any]) -> None:
        self._queue.put(command)

    def emit(self, event: str, **fields: Any) -> None:
        """Waits for a slow reader. One that is gone is told by the end of the input."""
        line = json.dumps({"ev": event, **fields}).encode() + b"\n"
        with self._lock:
            try:
                while line:
                    line = line[gevent.os.nb_write(self._output, line) :]
            except BrokenPipeError:
                return

    def _read(self) -> None:
        rest = b""
        while data := gevent.os.nb_read(self._input, 1 << 20):
            *lines, rest = (rest + data).split(b"\n")
            for line in lines:
                self.put(read_command(line))
        self.put({"cmd": "eof"})
