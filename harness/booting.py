"""Is a server that was started up? Every worker has answered, it is ours, and it says that it is ready.

Without `ready` it need not say so: as where a part is away that its readiness needs.
"""

from __future__ import annotations

import asyncio
import time

from harness.backends.process import ProcessDeployment
from harness.deployment import Deployment
from harness.probes import answer_by_each_worker
from harness.probes.http import Answer
from harness.probes.owners import Owned, ask_owner
from harness.system.clock import Clock

BOOT_S = 30.0


async def until_up(
    deployment: ProcessDeployment, live: str, ready: str | None, workers: int, within_s: float = BOOT_S
) -> str:
    """Wait for it; the reason why it is not up, or nothing."""
    end = time.monotonic() + within_s
    answering = asyncio.create_task(answer_by_each_worker(deployment, live, workers, within_s))
    try:
        while not answering.done():
            if deployment.exit_code is not None:
                return f"The server ended with exit code {deployment.exit_code} before it answered."
            await asyncio.sleep(0.05)
        answered = answering.result()
    finally:
        answering.cancel()
    if len(answered) < workers:
        told = await _asked_once_more(deployment, live, "live")
        return f"{len(answered)} of {workers} workers answered {live} within {within_s:g} s; {told}."
    if not deployment.is_ours():
        return f"What listens on port {deployment.address.port} is not the server that was started."
    if ready is None:
        return ""
    left_s = max(end - time.monotonic(), 5.0)
    said = await answer_by_each_worker(deployment, ready, workers, left_s)
    if len(said) < workers:
        told = await _asked_once_more(deployment, ready, "ready")
        return f"{len(said)} of {workers} workers said ready on {ready} although nothing is broken; {told}."
    return ""


async def _asked_once_more(deployment: Deployment, path: str, key: str) -> str:
    """What the path says at the end: whoever named it wrongly sees it from the status."""
    found = await ask_owner(deployment, path, Clock.start(), ())
    if isinstance(found, Owned):
        found.connection.close()
        found = found.answer
    return last_word(found, key)


def last_word(answer: Answer, key: str) -> str:
    if answer.outcome != "answered":
        return f"asked once more, it was “{answer.outcome}”"
    told = f"asked once more, it answered {answer.status}"
    return f"{told}: there is no such path, and target.{key} is to name one" if answer.status == 404 else told
