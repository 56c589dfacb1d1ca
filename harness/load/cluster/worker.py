"""A Locust worker with an engine below it: `python -m harness.load.cluster.worker HOST PORT`.

The engine is started before Locust is imported, so that both load at the same time.
"""

import os
import sys
from signal import SIGKILL

from harness.load.cluster.children import start_child

ENGINE = (sys.executable, "-P", "-m", "harness.load.engine")


def main(argv: list[str]) -> int:
    host, port = argv[0], int(argv[1])
    del sys.argv[1:]  # Locust reads it too
    for name in [name for name in os.environ if name.startswith(("LOCUST_", "GEVENT"))]:
        del os.environ[name]
    engine = start_child(ENGINE, SIGKILL, pipes=True)
    import locust  # noqa: F401  patches the standard library: before anything else of gevent

    from harness.load.cluster.relay import Relay

    return Relay(engine).run(host, port)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
