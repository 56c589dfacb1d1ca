"""What the faults of one worker share: which worker it is, and what the kernel says of it."""

from __future__ import annotations

from harness.deployment import Deployment
from harness.errors import MachineError
from harness.faults.fault import Parameter
from harness.system.proc import Stat, read_stat

INDEX = Parameter("index", 0, 0, 1_000, "which worker, oldest first")


def pick(deployment: Deployment, index: int) -> Stat:
    """The worker's state now; the oldest is number 0."""
    pids = deployment.workers()
    stat = read_stat(pids[index]) if index < len(pids) else None
    if stat is None:
        raise MachineError(f"There is no worker number {index}: the server has {len(pids)} at this moment.")
    return stat
