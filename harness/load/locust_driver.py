"""The Locust load driver: `python -m harness.load.locust_driver`, a process of its own (see messages.py).

Locust patches the standard library for gevent when it is imported, so it lives here and in the other files named
locust_*, and nowhere else. Before that, the caller's LOCUST_ and GEVENT_ variables are taken away, for they change how
both behave, and standard output is kept for the protocol alone: whatever else prints goes to standard error.
"""

import os
import sys


def main() -> int:
    for name in [name for name in os.environ if name.startswith(("LOCUST_", "GEVENT"))]:
        del os.environ[name]
    output = os.dup(1)
    os.dup2(2, 1)
    import locust  # noqa: F401  patches the standard library: first of all

    from harness.load.locust_run import make_run
    from harness.load.locust_self_test import self_test
    from harness.load.locust_session import Session
    from harness.load.locust_wire import Wire

    return Session(Wire(0, output), make_run, self_test).run()


if __name__ == "__main__":
    sys.exit(main())
