"""What master and worker say to each other, as messages of Locust's own transport.

    worker ─▶ master   hello, pong, ready, sum, chunk, done, died
    master ─▶ worker   refused, ping, prepare, start, epochs, lease, stop, ack

Both must be of one version, for they compute the same schedule and read the same rows.
"""

from importlib.metadata import version

from harness.model.rows import ROW

_PREFIX = "shakedown_"
_REVISION = 1

FROM_WORKER = ("hello", "pong", "ready", "sum", "chunk", "done", "died")
FROM_MASTER = ("refused", "ping", "prepare", "start", "epochs", "lease", "stop", "ack")


def on_wire(kind: str) -> str:
    return _PREFIX + kind


def kind_of(on_the_wire: str) -> str:
    return on_the_wire.removeprefix(_PREFIX)


def our_version() -> str:
    """What must be equal at both ends."""
    return f"Shakedown {version('fastapi-shakedown')} (messages {_REVISION}, rows of {ROW.itemsize} bytes)"
