"""What the judging servers have in common: they listen, keep stamps, and write them when their input ends.

A judge is a process beside the generator. Its stamps are those of time.monotonic_ns, which all processes share, so that
they need no trust in what a generator says of itself.
"""

from __future__ import annotations

import asyncio
import os
import sys
from array import array
from collections.abc import Callable
from pathlib import Path

import uvloop

ROOT = Path(__file__).resolve().parent.parent.parent  # from where `command` finds its module
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

Judge = Callable[["array[int]"], asyncio.Protocol]


async def _serve(judge: Judge, path: Path) -> None:
    loop = asyncio.get_running_loop()
    stamps: array[int] = array("q")
    server = await loop.create_server(lambda: judge(stamps), "127.0.0.1", 0, backlog=2048)
    print(server.sockets[0].getsockname()[1], flush=True)
    over = loop.create_future()
    loop.add_reader(0, lambda: over.done() or os.read(0, 1) or over.set_result(None))
    await over
    with open(path, "wb") as file:  # noqa: ASYNC230  nothing else is left to be done
        file.write(stamps.tobytes())


def command(server: str, path: Path) -> list[str]:
    """Starts a module of this folder as the judge, with the file for its stamps."""
    return [sys.executable, "-m", f"benchmarks.load.{server}", str(path)]


def serve(judge: Judge) -> None:
    """Prints the port; the file for the stamps is the one argument of the command."""
    uvloop.run(_serve(judge, Path(sys.argv[1])))
