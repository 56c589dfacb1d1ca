"""Is a server that was started up? Every worker has answered, it is ours, and it says that it is ready.

Without `ready` it need not say so: as where a part is away that its readiness needs.
"""

from __future__ import annotations

import asyncio
import time

from harness.backends.process import ProcessDeployment
from harness.probes import answer_by_each_worker

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
        return f"{len(answered)} of {workers} workers answered {live} within {within_s:g} s."
    if not deployment.is_ours():
        return f"What listens on port {deployment.address.port} is not the server that was started."
    if ready is None:
        return ""
    left_s = max(end - time.monotonic(), 5.0)
    said = await answer_by_each_worker(deployment, ready, workers, left_s)
    if len(said) < workers:
        return f"{len(said)} of {workers} workers said ready on {ready} although nothing is broken."
    return ""
