"""`python -m harness.load.flows` is a driver (see messages.py); with `--check FILE` it only tries to import the file.

What the file prints goes to standard error: standard output is kept for the protocol. The caller's LOCUST_ and GEVENT_
variables are taken away, for they change how both behave.
"""

import json
import os
import sys


def main() -> int:
    for name in [name for name in os.environ if name.startswith(("LOCUST_", "GEVENT"))]:
        del os.environ[name]
    output = os.dup(1)
    os.dup2(2, 1)
    import locust  # noqa: F401  patches the standard library: first of all

    if len(sys.argv) == 3 and sys.argv[1] == "--check":
        return _check(sys.argv[2], output)

    from harness.load.flows.session import serve

    return serve(output)


def _check(path: str, output: int) -> int:
    from harness.load.flows.locustfile import LocustfileError, load_users

    try:
        load_users(path)
    except LocustfileError as error:
        os.write(output, json.dumps(str(error)).encode())
    else:
        os.write(output, b'""')
    return 0


if __name__ == "__main__":
    sys.exit(main())
