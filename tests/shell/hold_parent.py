"""A harness in small that holds the event loop of a process and waits to be killed: `hold_parent.py PID`."""

import asyncio
import sys

from harness.ledger import Ledger
from harness.system.held_threads import HeldThreads
from harness.system.process import Spawner


async def main(pid: int) -> None:
    held = await HeldThreads.hold(Spawner(Ledger.create()), "loop", pid, lease_s=120)
    assert isinstance(held, HeldThreads), held
    print(held.tids[0], held.child.pid, flush=True)
    await asyncio.sleep(120)


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))
