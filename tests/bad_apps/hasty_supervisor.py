"""The defect is in the target file, too: a supervisor that takes a worker for dead that says nothing for a second.

A call that keeps the interpreter's lock for two seconds is enough, for the worker's answer needs that lock.
"""

import asyncio
import struct
from socket import SO_RCVTIMEO, SOL_SOCKET

import leading
from holds_the_lock import converter

TWO_S = struct.pack("ll", 2, 0)


async def refresh() -> None:
    fetch = converter((SOL_SOCKET, SO_RCVTIMEO, TWO_S))
    while True:
        fetch("eur")
        await asyncio.sleep(1)


app = leading.app_with(refresh, pause_s=4)
