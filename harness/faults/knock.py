"""A new connection of ours to a port, beside any proxy: is anybody there?"""

from __future__ import annotations

import asyncio

from harness.deployment import Address

_ANSWER_S = 1.0


async def knock(where: Address) -> str:
    """How it ends: "accepted", "refused", or the name of the error."""
    try:
        async with asyncio.timeout(_ANSWER_S):
            _, writer = await asyncio.open_connection(where.host, where.port)
    except OSError as error:
        return "refused" if isinstance(error, ConnectionRefusedError) else type(error).__name__
    writer.close()
    return "accepted"
