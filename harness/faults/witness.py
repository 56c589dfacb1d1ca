"""A connection of ours over a link, open before the fault: what becomes of it is what becomes of the app's."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass
from typing import Literal, Self

from harness.faults.canary import question
from harness.faults.fault import Link

Fate = Literal["answered", "silent", "closed", "reset"]

_OPEN_S = 2.0


@dataclass(slots=True)
class Witness:
    """Answered once when it was opened. PostgreSQL answers it once more before it wants a login, HTTP always."""

    link: Link
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    @classmethod
    async def open(cls, link: Link) -> Self | None:
        """None where the link does not carry one."""
        try:
            async with asyncio.timeout(_OPEN_S):
                reader, writer = await asyncio.open_connection(link.proxy.listen.host, link.proxy.listen.port)
        except OSError:
            return None
        witness = cls(link, reader, writer)
        if await witness._hear(question(link, keep=True), _OPEN_S) == "answered":
            return witness
        await witness.close()
        return None

    async def ask(self, timeout_s: float) -> Fate:
        """Send something that is answered on a link that is whole."""
        return await self._hear(question(self.link, keep=True, again=True), timeout_s)

    async def end(self, timeout_s: float) -> Fate:
        """How it ends by itself; "silent" where it does not."""
        return await self._hear(b"", timeout_s)

    async def _hear(self, said: bytes, timeout_s: float) -> Fate:
        try:
            async with asyncio.timeout(timeout_s):
                if said:
                    self.writer.write(said)
                heard = await self.reader.read(65_536)
        except TimeoutError:
            return "silent"
        except ConnectionResetError:
            return "reset"
        except OSError:
            return "closed"
        return "answered" if heard else "closed"

    async def close(self) -> None:
        """At once: nobody waits for what it still had to say."""
        self.writer.transport.abort()
        with contextlib.suppress(OSError):
            await self.writer.wait_closed()


def told(link: Link, open_one: str, new_one: str) -> str:
    """The sentence of a proof by a witness and a canary."""
    return f"Over the {link.name} proxy an open connection of ours was “{open_one}”, a new one “{new_one}”."
