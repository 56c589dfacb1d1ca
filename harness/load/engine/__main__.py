"""Standard output is kept for the protocol alone: whatever else prints goes to standard error."""

import os
import sys

import uvloop

from harness.load.engine.session import Session
from harness.load.engine.wire import Wire


async def serve(output: int) -> int:
    with Wire(0, output) as wire:
        return await Session(wire).run()


def main() -> int:
    output = os.dup(1)
    os.dup2(2, 1)
    return uvloop.run(serve(output))


if __name__ == "__main__":
    sys.exit(main())
