"""A child of ours that speaks over pipes, with asyncio's streams at our end."""

from __future__ import annotations

import asyncio
from signal import SIGKILL

from harness.system.process import Process


class PipedChild:
    """Wraps a process spawned with `pipes=True`; its stderr goes to a log file."""

    stderr: asyncio.StreamReader | None = None

    def __init__(self, process: Process, stdin: asyncio.StreamWriter, stdout: asyncio.StreamReader) -> None:
        self.process = process
        self.stdin: asyncio.StreamWriter | None = stdin
        self.stdout: asyncio.StreamReader | None = stdout

    @classmethod
    async def open(cls, process: Process) -> PipedChild:
        loop = asyncio.get_running_loop()
        stdout = asyncio.StreamReader(limit=1 << 20)
        await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(stdout), process.popen.stdout)
        transport, protocol = await loop.connect_write_pipe(asyncio.streams.FlowControlMixin, process.popen.stdin)
        return cls(process, asyncio.StreamWriter(transport, protocol, None, loop), stdout)

    @property
    def pid(self) -> int:
        return self.process.pid

    async def wait(self) -> int:
        while (code := await self.process.wait(60.0)) is None:
            pass
        return code

    def kill(self) -> None:
        self.process.signal(SIGKILL)
