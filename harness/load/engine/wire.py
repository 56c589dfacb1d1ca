"""The driver's side of the protocol: commands in, events out, neither of which ever stops the load."""

import asyncio
import json
import os
import signal
from typing import Any, Self

from harness.load.messages import read_command


class Wire:
    """One queue for everything that the session reacts to: commands, signals, and the end of the input."""

    def __init__(self, input_fd: int, output_fd: int) -> None:
        self._input, self._output = input_fd, output_fd
        self._queue: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._rest = b""
        self._unsent = bytearray()

    def __enter__(self) -> Self:
        loop = asyncio.get_running_loop()
        for fd in (self._input, self._output):
            os.set_blocking(fd, False)
        loop.add_reader(self._input, self._read)
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.put, {"cmd": "signal", "number": int(number)})
        return self

    def __exit__(self, *_: object) -> None:
        """What was not taken yet is waited for: the last word is the one that counts."""
        loop = asyncio.get_running_loop()
        loop.remove_reader(self._input)
        loop.remove_writer(self._output)
        os.set_blocking(self._output, True)
        try:
            while self._unsent:
                del self._unsent[: os.write(self._output, self._unsent)]
        except BrokenPipeError:
            return

    async def command(self) -> dict[str, Any]:
        return await self._queue.get()

    def put(self, command: dict[str, Any]) -> None:
        self._queue.put_nowait(command)

    def emit(self, event: str, **fields: Any) -> None:
        """A slow reader is not waited for. One that is gone is told by the end of the input."""
        self._unsent += json.dumps({"ev": event, **fields}).encode() + b"\n"
        self._write()

    def _write(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            while self._unsent:
                del self._unsent[: os.write(self._output, self._unsent)]
        except BlockingIOError:
            loop.add_writer(self._output, self._write)
            return
        except BrokenPipeError:
            self._unsent.clear()
        loop.remove_writer(self._output)

    def _read(self) -> None:
        try:
            data = os.read(self._input, 1 << 20)
        except BlockingIOError:
            return
        if not data:
            asyncio.get_running_loop().remove_reader(self._input)
            self.put({"cmd": "eof"})
            return
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            self.put(read_command(line))
