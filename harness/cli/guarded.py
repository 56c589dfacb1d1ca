"""What the verbs that start things share: the ledger of their guardian, and an end that heals whatever ended them."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from typing import Any

from harness.errors import HarnessError, MachineError, UsageError
from harness.healing import heal
from harness.ledger import LEDGER, Ledger
from harness.model.target import Scalar
from harness.target import read_override


def inherited_ledger(verb: str) -> Ledger:
    """The ledger that the guardian made and locked for us."""
    fd, _, path = os.environ.get(LEDGER, "").partition(":")
    if not fd.isdigit():
        raise MachineError(f"`{verb}` is started by its guardian; start it as: shakedown {verb} …")
    del os.environ[LEDGER]
    return Ledger.join(Path(path), int(fd))


def conduct(work: Callable[[], Coroutine[Any, Any, None]], ledger: Ledger) -> tuple[HarnessError | None, int]:
    """Do the work; what ended it early, and the signal that interrupted it (0 for none)."""
    got: list[int] = []

    async def main() -> None:
        task = asyncio.current_task()
        assert task is not None
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, _stop, task, got, number)
        await work()

    guardian = os.getppid()
    failure: HarnessError | None = None
    try:
        asyncio.run(main())
    except asyncio.CancelledError:
        if not got:
            raise
    except HarnessError as error:
        failure = error
    finally:
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # the loop has given it back to Python, which would raise
        if os.getppid() != guardian:  # the guardian is gone: nobody else heals
            heal(ledger.path)
    return failure, got[0] if got else 0


def _stop(task: asyncio.Task[None], got: list[int], number: int) -> None:
    if not got:
        task.cancel()
    got.append(number)


def read_overrides(settings: Sequence[str], workers: int | None) -> dict[str, Scalar]:
    """What --set and --workers say, by key."""
    overrides = dict(read_override(text) for text in settings)
    if workers is not None:
        if workers < 1:
            raise UsageError(f"--workers must be 1 or more, not {workers}.")
        overrides["workers"] = workers
    return overrides
