"""Hypercorn: a supervisor above any number of workers, all on one socket.

Nobody asks a worker whether it lives, and one that dies takes the whole server with it. It has no signal for another
number of workers.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from harness.model.known_limit import KnownLimit
from harness.model.target import Target
from harness.model.trial import ServerSettings
from harness.servers.server import Note, Server, is_helper, read_line

_LINES = (("boot-failed", re.compile(r"LifespanFailureError|LifespanTimeoutError|NoAppError")),)


_OF_AN_END = ("readiness-flips", "recovers", "no-stuck-workers", "graceful-shutdown", "error-budget", "latency-slo")
_LIMITS = (
    KnownLimit(
        fault="worker.kill",
        checks=_OF_AN_END,
        shows="end",
        says="one worker that dies ends the whole server, with exit code 0",
        versions="hypercorn ~=0.18.0",
        source="F08",
        advice="No setting of Hypercorn helps: run it under something that starts it again whatever its exit code, or"
        " use another server.",
    ),
    KnownLimit(
        fault="server.sighup",
        checks=("latency-slo", "readiness-flips", "readiness-bounded", "liveness-holds"),
        shows="silence",
        says="a reload starts new workers only when the old ones are gone",
        versions="hypercorn ~=0.18.0",
        source="F28",
    ),
    KnownLimit(
        fault="server.kill",
        checks=("no-orphans",),
        shows="orphans",
        says="workers outlive a supervisor that was killed, and hold the port",
        versions="hypercorn ~=0.18.0",
        source="F09",
        most=2,
    ),
    KnownLimit(
        fault="server.sigterm",
        checks=("graceful-shutdown",),
        shows="cut",
        says="with several workers, the first that has nothing left to do ends the others at once",
        versions="hypercorn ~=0.18.0",
        source="F32",
        advice="Start Hypercorn with one worker and as many replicas as you need, or use another server.",
    ),
)


def argv(target: Target, host: str, port: int, workers: int, flags: Sequence[str]) -> list[str]:
    bind = ["--bind", f"{host}:{port}", "--workers", str(workers)]
    return [str(target.python), "-m", "hypercorn", *flags, *bind, target.app]


def note(line: str) -> Note | None:
    return read_line(line, _LINES)


def is_worker(command: str) -> bool:
    """Workers are spawned, not forked: their command line is multiprocessing's."""
    return "spawn_main" in command and not is_helper(command)


def settings(answer: Mapping[str, Any], workers: int) -> ServerSettings:
    return ServerSettings(
        stuck_timeout_s=None,
        graceful_s=float(answer["graceful_timeout"]),
        keepalive_s=float(answer["keep_alive_timeout"]),
        max_requests=int(answer["max_requests"] or 0),
        version=f"hypercorn {answer['versions']['hypercorn']} ({answer['worker_class']})",
    )


SERVER = Server(
    id="hypercorn",
    table="hypercorn",
    install="hypercorn",
    ours={
        "bind": "the harness chooses the address",
        "insecure_bind": "the harness chooses the address",
        "quic_bind": "the harness chooses the address",
        "workers": "it is target.workers",
        "reload": "it restarts workers on its own",
        "help": "the server would not start",
    },
    question=Path(__file__).with_name("ask_hypercorn.py").read_text(encoding="utf-8"),
    argv=argv,
    supervised=lambda workers: True,
    is_worker=is_worker,
    note=note,
    settings=settings,
    takes=("sighup",),
    known_limits=_LIMITS,
)
