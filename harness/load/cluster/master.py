"""A Locust master with its local workers: `python -m harness.load.cluster.master [--workers N] [--bind …] [--web …]`.

A driver of the protocol in messages.py. The workers are started before Locust is imported, so that all load at the same
time. Locust's master trusts whoever connects: without `--bind` it listens on loopback alone.
"""

import argparse
import os
import sys
from signal import SIGKILL

from harness.load.cluster.children import start_child
from harness.system.ports import Ports

WORKER = (sys.executable, "-P", "-m", "harness.load.cluster.worker")
_LOOPBACK = "127.0.0.1"
_FAILED = 1


def main(argv: list[str]) -> int:
    asked = _parse(argv)
    del sys.argv[1:]  # Locust reads it too
    for name in [name for name in os.environ if name.startswith(("LOCUST_", "GEVENT"))]:
        del os.environ[name]
    os.environ["LOCUST_WAIT_FOR_WORKERS_REPORT_AFTER_RAMP_UP"] = "0"  # a second in which no message is taken
    output = os.dup(1)
    os.dup2(2, 1)
    port = asked.port or Ports().take()
    children = [start_child((*WORKER, asked.bind, str(port)), SIGKILL, pipes=False) for _ in range(asked.workers)]
    import locust.exception  # patches the standard library: before anything else of gevent

    from harness.load.cluster.locust_master import MasterSide
    from harness.load.cluster.session import Session
    from harness.load.gevent_wire import Wire

    wire = Wire(0, output)
    try:
        side = MasterSide(asked.bind, port)
        if asked.web:
            side.show(asked.bind, asked.web)
    except (OSError, SystemExit, locust.exception.RPCError) as error:
        wire.emit("error", message=f"the address for load workers, {asked.bind}:{port}, cannot be had: {error}")
        for child in children:
            child.kill()
        return _FAILED
    return Session(wire, side, children).run()


def _parse(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="load master")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--bind", default=_LOOPBACK)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--web", type=int, default=0)
    return parser.parse_args(argv)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
