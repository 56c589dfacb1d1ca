"""Our side of `grow_memory`: memory that a process of the deployment holds because we made it."""

from __future__ import annotations

import asyncio
import platform
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.system import helper
from harness.system.grow_memory import MACHINE
from harness.system.held_threads import WAIT_S, why_not_trace
from harness.system.process import Spawner

_LONGEST_S = 60.0


@dataclass(frozen=True, slots=True)
class Piece:
    address: int
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Grown:
    """What is held. `said` is how it ended: "done", "refused …" by a limit of the process, "gone", or "failed …"."""

    pieces: tuple[Piece, ...]
    said: str

    @property
    def size_bytes(self) -> int:
        return sum(piece.size_bytes for piece in self.pieces)


def why_not_grow() -> str:
    """Why a process's memory cannot be made to grow on this machine; empty where it can."""
    if platform.machine() != MACHINE:
        return f"it is known for {MACHINE} alone, and this machine is {platform.machine()}"
    return why_not_trace()


async def grow(spawner: Spawner, pid: int, size_bytes: int) -> Grown:
    lines = await _run(spawner, "grow", str(pid), f"{WAIT_S:g}", str(size_bytes))
    words = [line.split() for line in lines if line.startswith("grown ")]
    pieces = tuple(Piece(int(address), int(size)) for _, address, size in words)
    return Grown(pieces, _end(lines, "grown "))


async def shrink(spawner: Spawner, pid: int, pieces: Sequence[Piece]) -> Grown:
    """Give them back; those that are left, and "done", "gone", or "failed …".

    A piece is never given back twice: the process may have put something of its own there since.
    """
    words = [f"{piece.address}:{piece.size_bytes}" for piece in pieces]
    lines = await _run(spawner, "shrink", str(pid), f"{WAIT_S:g}", *words)
    given = {int(line.split()[1]) for line in lines if line.startswith("given ")}
    said = _end(lines, "given ")
    left = () if said in ("done", "gone") else tuple(piece for piece in pieces if piece.address not in given)
    return Grown(left, said)


def _end(lines: Sequence[str], word: str) -> str:
    return lines[-1] if lines and not lines[-1].startswith(word) else "failed the helper ended"


async def _run(spawner: Spawner, *words: str) -> list[str]:
    """What it said until its end; where it has to be ended, until then."""
    child = await helper.start(spawner, "grow_memory", *words)
    lines: list[str] = []
    assert child.stdout is not None
    assert child.stdin is not None
    try:
        async with asyncio.timeout(_LONGEST_S):
            while line := await child.stdout.readline():
                lines.append(line.decode().strip())
    except TimeoutError:
        lines.append(f"failed it took longer than {_LONGEST_S:g} s")
    finally:
        child.stdin.close()
        await child.process.end(first=9)
    return lines


def available_bytes() -> int:
    """What the machine could still give, by its own estimate."""
    for line in Path("/proc/meminfo").read_text().splitlines():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) * 1024
    return 0
