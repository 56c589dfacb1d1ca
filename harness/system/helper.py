"""How programs of ours that trace a process are started: by this interpreter, with the standard library alone."""

from __future__ import annotations

import sys
from pathlib import Path

from harness.system.pipes import PipedChild
from harness.system.process import Spawner, clean_env

_ROOT = Path(__file__).parents[2]


def command(program: str, *words: str) -> list[str]:
    return [sys.executable, "-P", "-S", "-m", f"harness.system.{program}", *words]


def environment() -> dict[str, str]:
    return clean_env(PYTHONPATH=str(_ROOT), PYTHONDONTWRITEBYTECODE="1")


async def start(spawner: Spawner, program: str, *words: str) -> PipedChild:
    """A child of the run: in its ledger, with the harness's death signal, its input and output in our hands."""
    argv = command(program, *words)
    return await PipedChild.open(spawner.spawn(argv, name=program, env=environment(), cwd=Path("/"), pipes=True))
